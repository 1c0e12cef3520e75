import { count } from '../base/text.ts'

/** A choice among the present values, with the count of each. */
export function FacetSelect({
  label,
  value,
  facets,
  onChange,
}: {
  readonly label: string
  readonly value: string
  readonly facets: Readonly<Record<string, number>> | undefined
  readonly onChange: (value: string) => void
}) {
  const names = Object.keys(facets ?? {}).sort()
  if (value !== '' && !names.includes(value)) names.push(value)
  return (
    <label class="facet">
      <span class="hidden">{label}</span>
      <select value={value} onChange={({ currentTarget }) => onChange(currentTarget.value)}>
        <option value="">any {label}</option>
        {names.map((name) => (
          <option key={name} value={name}>
            {name} ({count(facets?.[name] ?? 0)})
          </option>
        ))}
      </select>
    </label>
  )
}
