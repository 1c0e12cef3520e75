#!/usr/bin/env node
import { runProgram } from '../cli/run-program.ts'
import { runProcess } from '../cli/run-process.ts'
import { createKubectlProgram } from './kubectl-program.ts'

await runProcess((args, io) => runProgram(createKubectlProgram(io), args, io))
