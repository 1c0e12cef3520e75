#!/usr/bin/env node
import { runProcess } from '../cli/run-process.ts'
import { runKubectl } from './kubectl-program.ts'

await runProcess(runKubectl)
