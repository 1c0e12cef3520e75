import { render } from 'preact'
import './style/main.css'
import { follow } from './base/live.ts'
import './base/theme.ts'
import { App } from './shell/app.tsx'

const root = document.querySelector('#page')
if (root !== null) render(<App />, root)
follow()
