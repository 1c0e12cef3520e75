// A step of a shared library: `snug(image: 'registry.example/shop/web:1', tests: 'make test')`.
// Snug and Docker are on the agent, which works as root. Settings as in ../../README.md, in camel case.
def call(Map settings) {
  withEnv([
    "IMAGE=${settings.image}",
    "TESTS=${settings.tests}",
    "BASELINE=${settings.baseline ?: ''}",
    "PUBLIC_KEY=${settings.publicKey ?: ''}",
    "POLICY=${settings.policy ?: ''}",
    "SCAN=${settings.scan ?: ''}",
    "KEY=${settings.key ?: ''}",
    "VALID_FOR=${settings.validFor ?: '90d'}",
    "PLAIN_HTTP=${settings.plainHttp ?: ''}",
  ]) {
    try {
      sh 'snug record --image "$IMAGE" --out snug-profile.json -- sh -c "$TESTS"'
      sh '''if [ -n "$SCAN" ]; then
        snug scan "$IMAGE" --profile snug-profile.json --report "$SCAN" --format openvex > snug.openvex.json
      fi'''
      sh '''snug gate "$IMAGE" --profile snug-profile.json ${BASELINE:+--baseline "$BASELINE" --key "$PUBLIC_KEY"} \
        ${POLICY:+--policy "$POLICY"} ${SCAN:+--scan "$SCAN"} ${PLAIN_HTTP:+--plain-http} \
        --write json=snug-gate.json --write junit=snug-gate.xml'''
      sh '''if [ -n "$KEY" ]; then
        docker push -q "$IMAGE"
        snug attest "$IMAGE" --profile snug-profile.json --gate snug-gate.json --key "$KEY" --for "$VALID_FOR" ${PLAIN_HTTP:+--plain-http}
      fi'''
    } finally {
      junit testResults: 'snug-gate.xml', allowEmptyResults: true
    }
  }
}
