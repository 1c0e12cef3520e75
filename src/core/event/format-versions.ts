/** Versions of the published formats that outputs have. Their schemas are in `test/schemas`. */
export const formatVersions = {
  /** Elastic Common Schema */
  ecs: '9.4.0',
  /** Open Cybersecurity Schema Framework */
  ocsf: '1.8.0',
  /** Semantic conventions of OpenTelemetry */
  opentelemetry: '1.44.0',
  sarif: '2.1.0',
  openvex: '0.2.0',
  cyclonedx: '1.7',
} as const
