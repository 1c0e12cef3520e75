#!/usr/bin/env node
import { growHeapSlowly } from '../support/telemetry/heap.ts'

// Before anything else is loaded: what the modules of the agent leave behind makes the heap grow for good.
if (process.argv.includes('agent')) growHeapSlowly()
const { runCli } = await import('./run-cli.ts')
const { runProcess } = await import('./run-process.ts')
await runProcess(runCli)
