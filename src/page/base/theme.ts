import { effect, signal } from '@preact/signals'

export const themes = ['system', 'light', 'dark'] as const
export type Theme = (typeof themes)[number]

const key = 'snug-theme'
const kept = localStorage.getItem(key)

export const theme = signal<Theme>(themes.find((each) => each === kept) ?? 'system')

effect(() => {
  const { value } = theme
  if (value === 'system') {
    delete document.documentElement.dataset['theme']
    localStorage.removeItem(key)
  } else {
    document.documentElement.dataset['theme'] = value
    localStorage.setItem(key, value)
  }
})
