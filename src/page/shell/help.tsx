import { signal } from '@preact/signals'
import { groups } from '../base/keys.ts'
import { Dialog } from './dialog.tsx'

export const helpShown = signal(false)

/** Every key that does something where one is now. */
export function Help() {
  if (!helpShown.value) return null
  const shown = groups.value.filter(({ bindings }) => bindings.length > 0).reverse()
  return (
    <Dialog
      title="Keyboard"
      onClose={() => {
        helpShown.value = false
      }}
    >
      <div class="help">
        {shown.map(({ name, bindings }) => (
          <section key={name}>
            <h3>{name}</h3>
            <dl>
              {bindings.map(({ keys, does }) => (
                <div key={keys}>
                  <dt>
                    {keys.split(' | ').map((combination, i) => (
                      <span key={combination}>
                        {i > 0 ? ' or ' : ''}
                        {combination.split(' ').map((key) => (
                          <kbd key={key}>{keyName(key)}</kbd>
                        ))}
                      </span>
                    ))}
                  </dt>
                  <dd>{does}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  )
}

const names: Readonly<Record<string, string>> = {
  ArrowDown: '↓',
  ArrowUp: '↑',
  Enter: '⏎',
  Escape: 'esc',
}

function keyName(key: string): string {
  return names[key] ?? key
}
