import { render } from 'preact'
import '../../page/style/main.css'
import { follow, lookAgain } from '../../page/base/live.ts'
import '../../page/base/theme.ts'
import { ConsoleApp } from './console-app.tsx'

/** An agent becomes silent without a message. */
const lookMs = 10_000

const root = document.querySelector('#page')
if (root !== null) render(<ConsoleApp />, root)
follow()
setInterval(() => {
  if (document.visibilityState === 'visible') lookAgain()
}, lookMs)
