import type { Config } from '../../support/config/config-schema.ts'
import { configChange } from '../../support/config/config-change.ts'
import type { LoadedConfig } from '../../support/config/load-config.ts'
import type { SinkChange } from '../pipeline/delivery/dispatcher.ts'
import { describeError, errorTable, SnugError } from '../../errors.ts'
import { type Log, setLogLevel, stageLog } from '../../support/telemetry/log.ts'
import type { Daemon } from './daemon.ts'
import type { Journal } from '../records/persistence/journal.ts'

export interface LiveConfigOptions {
  readonly loaded: LoadedConfig
  /** Reads it again, from the same places. Errors: CONFIG_UNREADABLE, CONFIG_INVALID. */
  readonly read: () => LoadedConfig
  readonly faults: Daemon['faults']
  readonly journal: Pick<Journal, 'audit' | 'persist' | 'reopenSinks'>
  /** Has the agent go on with it. */
  readonly apply: (config: Config) => Promise<SinkChange>
  readonly onReload: (result: 'done' | 'refused') => void
  /** The root logger, the parent of all others. */
  readonly log: Log
}

/**
 * The config that the agent runs with. On SIGHUP the agent reads it again. A key that can change in a running agent
 * changes at once and without a gap; any other is named and stays. A config with a mistake changes nothing. The log and
 * the status report the mistake until a valid config was read. Files of sinks are opened again each time.
 */
export class LiveConfig {
  readonly #options: LiveConfigOptions
  readonly #log: Log
  #loaded: LoadedConfig
  #turn: Promise<void> = Promise.resolve()

  constructor(options: LiveConfigOptions) {
    this.#options = options
    this.#log = stageLog(options.log, 'config')
    this.#loaded = options.loaded
  }

  get loaded(): LoadedConfig {
    return this.#loaded
  }

  /** One after the other, in the order of the requests. Never rejects. */
  reload(): Promise<void> {
    this.#turn = this.#turn.then(() => this.#reload())
    return this.#turn
  }

  async #reload(): Promise<void> {
    const { journal, faults, read, apply, onReload } = this.#options
    const log = this.#log
    try {
      const { loaded, changed, kept } = configChange(this.#loaded, read())
      for (const warning of loaded.warnings) log.warn({ warning }, 'a note on the config')
      if (kept.length > 0) {
        const { hint } = errorTable.CONFIG_NOT_LIVE
        log.warn({ code: 'CONFIG_NOT_LIVE', keys: kept, hint }, 'some keys keep their old value')
      }
      const sinks = changed.length === 0 ? undefined : await apply(loaded.config)
      this.#loaded = loaded
      setLogLevel(this.#options.log, loaded.config.log.level)
      await journal.reopenSinks()
      if (changed.length > 0) {
        journal.audit('config', 'agent', { name: loaded.file ?? 'none', changed, kept, sinks })
        await journal.persist()
      }
      faults.delete('config')
      log.info({ file: loaded.file, changed, kept, sinks }, 'the config was reloaded')
      onReload('done')
    } catch (error) {
      const code = error instanceof SnugError ? error.code : 'INTERNAL'
      const text = describeError(error)
      faults.set('config', `the config was not reloaded, and no key changed: ${text} (${code})`)
      log.error({ code, error: text, hint: errorTable[code].hint }, 'the config was not reloaded')
      await journal.reopenSinks()
      onReload('refused')
    }
  }
}
