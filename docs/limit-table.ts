import { mostBytesWaiting } from '../src/agent/pipeline/judging-queue.ts'
import { containersApart } from '../src/core/profile/evidence.ts'
import { derivedKept } from '../src/core/profile/evidence-recorder.ts'
import { BUCKETS_KEPT } from '../src/core/coverage/time-buckets.ts'
import { EXPRESSIONS_KEPT } from '../src/core/behaviour/language.ts'
import { hashBounds } from '../src/core/event/file-hash.ts'
import { sessionsOfAlert } from '../src/core/person/session-person.ts'
import { entrancesKept } from '../src/agent/evidence/entrances.ts'
import { personBounds } from '../src/agent/evidence/session-persons.ts'
import { MAX_PARTS } from '../src/core/behaviour/shape.ts'
import { alertsListed } from '../src/agent/reading/incident-feed.ts'
import { listedKept } from '../src/agent/reading/listed-cards.ts'
import { lateKept } from '../src/agent/enforcement/enforcement-gaps.ts'
import { kept as messagesKept } from '../src/agent/reading/live/live-updates.ts'
import { addressesKept } from '../src/gateway/throttle.ts'
import { alertsRead } from '../src/console/reading/alert-evidence.ts'
import { casesKept } from '../src/console/reading/fleet-cases.ts'
import { connectionsKept } from '../src/console/reading/workload-part.ts'
import { bucketBytesKept, bucketKeysKept } from '../src/fleet/nats/bucket.ts'
import { eventsWaiting, podsLimited } from '../src/fleet/pod-events.ts'
import { sliceBytes } from '../src/fleet/slices/slice-pages.ts'
import { connections } from '../src/gateway/gateway.ts'
import { sessionsKept } from '../src/gateway/sessions.ts'
import { kept as guestsKept } from '../src/serve/access/guest-tokens.ts'
import { tokensKept } from '../src/serve/access/token-file.ts'
import { mostSpans } from '../src/agent/pipeline/delivery/alert-traces.ts'
import { mostPeers } from '../src/agent/pipeline/sources/listen/door.ts'
import { containersKept } from '../src/agent/pipeline/alerts/storms.ts'
import { remembered } from '../src/agent/pipeline/identity/docker/docker-engine.ts'
import { maxExecutables, maxSessions } from '../src/agent/pipeline/identity/event-refiner.ts'
import { answeredNamesLimits } from '../src/agent/pipeline/identity/answered-names.ts'
import { defaultLimits } from '../src/agent/pipeline/identity/identifier.ts'
import {
  mostEntries,
  mostPairs,
  mostSources,
} from '../src/agent/pipeline/judge/cross-source-dedup.ts'
import { mostTextBytes } from '../src/agent/pipeline/identity/image-text.ts'
import { laterKept, learnedKept } from '../src/agent/pipeline/judge/event-memory.ts'
import { assignmentsKept } from '../src/agent/pipeline/sources/ebpf/kernel-state.ts'
import { namesCounted } from '../src/agent/pipeline/sources/line-tally.ts'
import { maxProcesses } from '../src/plugins/sensors/process-tree.ts'
import {
  allNamesKept,
  namesKept as alertNamesKept,
} from '../src/agent/records/alerts/alert-names.ts'
import { sampleChars, componentKept } from '../src/agent/records/alerts/cause-fold.ts'
import { sharesKept } from '../src/agent/records/alerts/open-alerts.ts'
import { replicasKept } from '../src/agent/records/alerts/replica-groups.ts'
import { loadedKept, loadingRunsKept } from '../src/agent/records/alerts/run-alerts.ts'
import { alertsOfForm, formsKept } from '../src/agent/records/alerts/sibling-causes.ts'
import { mostAlertsUnstored } from '../src/agent/records/persistence/journal.ts'
import {
  keysKept,
  namesKept,
  runsKept,
  stintsKept,
  usersKept,
} from '../src/agent/records/versions/deployed-version.ts'
import { spansKept } from '../src/agent/records/versions/loss-ledger.ts'
import { actionsKept, reportedKept } from '../src/agent/records/versions/reported-acts.ts'
import {
  allBehavioursKept,
  allKeysKept,
  allReportedKept,
  allRunsKept,
} from '../src/agent/records/versions/version-bounds.ts'
import { databaseLimits } from '../src/supplychain/image/packages.ts'
import { oldScopesKept } from '../src/agent/records/versions/version-index.ts'
import {
  endedRemembered,
  unannouncedKept,
  versionsKept,
} from '../src/agent/records/versions/version-registry.ts'

/** A bound on something whose number a workload, an image or an attacker chooses. */
export interface Limit {
  readonly what: string
  /** A number, or the config key that sets it. */
  readonly bound: number | { readonly key: string }
  /** Of each version, container and so on; absent: of the node. */
  readonly of?: string
  readonly atBound: string
  /** A metric, or a reason of a loss. */
  readonly shownBy?: { readonly metric: string } | { readonly loss: string }
  /** The constant in `agent/include/shared.h`. */
  readonly define?: string
}

interface LimitGroup {
  readonly title: string
  readonly limits: readonly Limit[]
}

/** The one table of bounds. Every row is enforced where its constant is defined. */
export const limitTable: readonly LimitGroup[] = [
  {
    title: 'Profiles',
    limits: [
      {
        what: 'behaviours that a version learns, without reads that follow from the files of its image',
        bound: learnedKept,
        of: 'version',
        atBound:
          'a place or pattern of the profile takes the event, where one includes it; otherwise the event is lost, and the evidence is incomplete',
        shownBy: { loss: 'profile-full' },
      },
      {
        what: 'reads that follow from the files of the image',
        bound: derivedKept,
        of: 'version',
        atBound: 'further reads stay expected, and are not recorded',
      },
      {
        what: 'deviations that wait for review',
        bound: laterKept,
        of: 'version',
        atBound: 'further deviations raise alerts, and are not recorded as behaviours',
      },
      {
        what: 'compiled expressions of patterns',
        bound: EXPRESSIONS_KEPT,
        atBound:
          'the one that was asked longest ago is dropped, and compiled again when it is asked',
      },
      {
        what: 'variable parts of a name',
        bound: MAX_PARTS,
        of: 'path',
        atBound: 'all behind them is literal',
      },
      {
        what: 'behaviours of review cards that were listed',
        bound: listedKept,
        atBound: 'the ids of the cards that were listed longest ago lead nowhere',
      },
      {
        what: 'ended containers with separate evidence of a behaviour',
        bound: containersApart,
        of: 'behaviour',
        atBound:
          'earlier ones are added up, except those that alone show one of its witnesses, see [decision 30](adr/0030-old-evidence-is-added-up.md)',
      },
      {
        what: 'exec sessions with separate evidence of a behaviour, by origin and phase',
        bound: containersApart,
        of: 'container',
        atBound: 'earlier ones are added up',
      },
      {
        what: 'buckets of time of a behaviour in one container',
        bound: BUCKETS_KEPT,
        of: 'cell',
        atBound: 'adjacent buckets are joined, so that forgetting by time becomes coarser',
      },
      {
        what: 'keys of the kernel with their meaning, in each of two generations',
        bound: keysKept,
        of: 'version',
        atBound: 'keys that nobody used for a generation are dropped; later counts match nothing',
        shownBy: { metric: 'snug_judge_unplaced_sightings_total' },
      },
      {
        what: 'events whose keys survive a restart: unexpected ones, and all while the version learns',
        bound: reportedKept,
        of: 'version',
        atBound:
          'the oldest expected one is dropped, else the oldest; after a restart its repeats match nothing',
        shownBy: { metric: 'snug_judge_unplaced_sightings_total' },
      },
      {
        what: 'actions of stopped events, for their repeats',
        bound: actionsKept,
        of: 'version',
        atBound: 'those of the container with the most are dropped; its repeats count as alerted',
      },
      {
        what: 'container runs for the estimate of coverage',
        bound: runsKept,
        of: 'version',
        atBound: 'the oldest run that has ended is dropped; its evidence stays',
      },
      {
        what: 'starts of one container',
        bound: stintsKept,
        of: 'container',
        atBound: 'the oldest is dropped',
      },
      {
        what: 'tags, digests and ids of one image',
        bound: namesKept,
        of: 'version',
        atBound: 'the oldest is dropped; an image under a dropped digest is a new version',
      },
      {
        what: 'declared users',
        bound: usersKept,
        of: 'version',
        atBound: 'further uids stay numeric users',
      },
      {
        what: 'spans of losses',
        bound: spansKept,
        of: 'version',
        atBound:
          'two spans of one reason are joined, or else two of different reasons as `several`',
      },
    ],
  },
  {
    title: 'Versions and containers',
    limits: [
      {
        what: 'versions of a lineage',
        bound: { key: 'retention.versions' },
        of: 'lineage',
        atBound: 'the version that was seen longest ago is removed, see [retention](concepts.md)',
        shownBy: { metric: 'snug_versions_removed_total' },
      },
      {
        what: 'versions',
        bound: versionsKept,
        atBound:
          'a tenth is removed, those seen longest ago first; never one that runs or blocks, or that a person decided on',
        shownBy: { metric: 'snug_versions_removed_total' },
      },
      {
        what: 'behaviours of all versions, without those that a new version inherits',
        bound: allBehavioursKept,
        atBound: 'a version with more than an equal part of it is full, as at its own bounds',
        shownBy: { loss: 'profile-full' },
      },
      {
        what: 'keys of the kernel with their meaning, of all versions',
        bound: allKeysKept,
        atBound:
          'the version with the most of them drops those that nobody used for a generation; later counts match nothing',
        shownBy: { metric: 'snug_versions_dropped_total' },
      },
      {
        what: 'container runs of all versions',
        bound: allRunsKept,
        atBound:
          'the version with the most of them drops the oldest that have ended; one that learns keeps eight times as many',
        shownBy: { metric: 'snug_versions_dropped_total' },
      },
      {
        what: 'unexpected events, and actions of stopped events, of all versions',
        bound: allReportedKept,
        atBound: 'the version with the most of them drops the oldest',
        shownBy: { metric: 'snug_versions_dropped_total' },
      },
      {
        what: 'earlier scopes of versions, for late reports of the kernel',
        bound: oldScopesKept,
        atBound: 'the oldest is dropped; a report that names it is ignored',
      },
      {
        what: 'ended containers whose counts may still arrive',
        bound: endedRemembered,
        atBound: 'the oldest is dropped; its counts match nothing',
        shownBy: { metric: 'snug_judge_unplaced_sightings_total' },
      },
      {
        what: 'containers whose source reports no end',
        bound: unannouncedKept,
        atBound: 'the oldest is dropped; its next event names its image again',
      },
      {
        what: 'identities of ended containers',
        bound: defaultLimits.remembered,
        atBound: 'the oldest is dropped; its events have no image then',
      },
      {
        what: 'removed containers of the engine',
        bound: remembered,
        of: 'engine',
        atBound: 'the oldest is dropped; its events have no image then',
      },
      {
        what: 'bytes of events of the sensor that wait to be judged, as estimated',
        bound: mostBytesWaiting,
        atBound:
          'a container with more than an equal part of it loses its further ones, see [decision 46](adr/0046-containers-take-turns.md)',
        shownBy: { loss: 'judging-overflow' },
      },
      {
        what: 'events that wait for the identity of their container',
        bound: { key: 'hold.events' },
        atBound: 'further events are lost',
        shownBy: { metric: 'snug_identify_lost_total' },
      },
      {
        what: 'events of one container that wait for its identity',
        bound: defaultLimits.perContainer,
        of: 'container',
        atBound: 'further events are lost',
        shownBy: { loss: 'identity-overflow' },
      },
      {
        what: 'addresses with a name from DNS answers',
        bound: answeredNamesLimits.perContainer,
        of: 'container',
        atBound: 'the one that was answered longest ago is dropped; it is an address again',
      },
      {
        what: 'addresses with a name from DNS answers, in all containers',
        bound: answeredNamesLimits.total,
        atBound: 'the container whose last answer is the oldest loses its names',
      },
      {
        what: 'containers with names from DNS answers',
        bound: answeredNamesLimits.containers,
        atBound:
          'the one whose last answer is the oldest is dropped; its peers are addresses again',
      },
      {
        what: 'exec sessions that are distinguished from probes',
        bound: maxSessions,
        of: 'container',
        atBound: 'the oldest is dropped; its later events have the origin `exec-in`',
      },
      {
        what: 'executables in the writable layer that were compared with the image',
        bound: maxExecutables,
        of: 'container',
        atBound: 'all are dropped, and compared again when they run',
      },
      {
        what: 'bytes of a file of an image that is read for users and schedules',
        bound: mostTextBytes,
        of: 'file',
        atBound: 'the file counts as missing: a declared user by name is unknown',
      },
      {
        what: 'packages of an image that the agent reads',
        bound: databaseLimits.packages,
        of: 'image',
        atBound: 'files of further ones have no package in explanations',
      },
      {
        what: 'files of packages of an image that the agent reads',
        bound: databaseLimits.paths,
        of: 'image',
        atBound: 'further ones have no package in explanations',
      },
      {
        what: 'assignments that are sent again to a new sensor',
        bound: assignmentsKept,
        atBound: 'the oldest is dropped; the kernel keeps its assignment',
      },
      {
        what: 'containers that were assigned after their start',
        bound: lateKept,
        atBound: 'the oldest is dropped; its gap is not measured',
      },
    ],
  },
  {
    title: 'Other sensors',
    limits: [
      {
        what: 'clients of a listening source',
        bound: mostPeers,
        of: 'source',
        atBound: 'a further one is closed at once',
      },
      {
        what: 'processes with their ancestors',
        bound: maxProcesses,
        of: 'source',
        atBound: 'the oldest is dropped; its later events have the origin `entrypoint`',
      },
      {
        what: 'names of ignored lines, and reasons of losses',
        bound: namesCounted,
        of: 'source',
        atBound: 'further names are counted as `other`',
        shownBy: { metric: 'snug_source_lost_total' },
      },
      {
        what: 'events that are compared between sources',
        bound: mostEntries,
        atBound: 'the least recent is settled early; a later report of it counts as a new event',
      },
      {
        what: 'pairs of sources, kinds and versions that are counted',
        bound: mostPairs,
        atBound: 'further pairs are not counted',
      },
      {
        what: 'sources that this comparison distinguishes',
        bound: mostSources,
        atBound: 'further sources count as one',
      },
    ],
  },
  {
    title: 'Alerts and sinks',
    limits: [
      {
        what: 'alerts',
        bound: { key: 'alertsKept' },
        atBound:
          'one is evicted: by severity, then of the container with the most alerts, then the oldest; an open one is a loss',
        shownBy: { metric: 'snug_respond_alerts_pruned_total' },
      },
      {
        what: 'distinct behaviours of one alert',
        bound: alertNamesKept,
        of: 'alert',
        atBound: 'each further event counts as a new name',
      },
      {
        what: 'characters of the samples of an alert',
        bound: sampleChars,
        of: 'alert',
        atBound: 'of longer names it has fewer samples, and at least three',
      },
      {
        what: 'distinct behaviours of all alerts together',
        bound: allNamesKept,
        atBound: 'each further event counts as a new name',
      },
      {
        what: 'causes of what a new program of an image does, in its one alert',
        bound: componentKept,
        of: 'alert',
        atBound: 'each further one is an alert; so it is beyond 4,096 characters of their places',
      },
      {
        what: 'files that the program of an alert loaded',
        bound: loadedKept,
        of: 'alert',
        atBound: 'each further one is an alert; so it is beyond the characters of samples',
      },
      {
        what: 'runs of programs whose alert gets the files that they load',
        bound: loadingRunsKept,
        atBound: 'the least recent is dropped; what its program loads has separate alerts',
      },
      {
        what: 'forms of folders by which others that differ in a name join an alert',
        bound: formsKept,
        atBound: 'the least recent is dropped; its folders have separate alerts',
      },
      {
        what: 'alerts of one such form',
        bound: alertsOfForm,
        of: 'form',
        atBound:
          'the oldest is dropped; while none of the others is open, a folder has a separate alert',
      },
      {
        what: 'containers that show one cause and are compared as replicas',
        bound: replicasKept,
        of: 'version and cause',
        atBound: 'the oldest is dropped; its alert keeps its last statement about the others',
      },
      {
        what: 'events for which the alert that they share is remembered',
        bound: sharesKept,
        atBound: 'the least recent is dropped; its repeats match nothing',
        shownBy: { metric: 'snug_judge_unplaced_sightings_total' },
      },
      {
        what: 'bytes of an executed file whose hash is computed',
        bound: hashBounds.fileBytes,
        of: 'file',
        atBound: 'the alert has the reason `size` in place of the hash',
        shownBy: { metric: 'snug_respond_hashes_total' },
      },
      {
        what: 'bytes of executed files that are read in a minute',
        bound: hashBounds.minuteBytes,
        atBound: 'further alerts have the reason `budget`, until the next minute',
        shownBy: { metric: 'snug_respond_hashes_total' },
      },
      {
        what: 'executed files that wait to be read',
        bound: hashBounds.waiting,
        atBound: 'further alerts have the reason `queue`',
        shownBy: { metric: 'snug_respond_hashes_total' },
      },
      {
        what: 'executed files whose hash is remembered',
        bound: hashBounds.kept,
        atBound: 'the one that was executed longest ago is read again',
      },
      {
        what: 'further executed files with a hash',
        bound: hashBounds.ofAlert,
        of: 'alert',
        atBound: 'the alert does not name more; a case has the events',
      },
      {
        what: 'sessions with their persons',
        bound: sessionsOfAlert,
        of: 'alert',
        atBound:
          'the alert has the first four and the latest ones, and sinks have no person in a field',
      },
      {
        what: 'sessions of the last minutes that a late line can name',
        bound: personBounds.sessions.all,
        atBound: 'the oldest is dropped; those that began shortly after are `likely` at most',
        shownBy: { metric: 'snug_respond_sessions' },
      },
      {
        what: 'the same, and requests that let somebody in',
        bound: personBounds.sessions.ofPod,
        of: 'pod',
        atBound: 'the oldest is dropped; those that began shortly after are `likely` at most',
        shownBy: { metric: 'snug_respond_sessions' },
      },
      {
        what: 'requests of the last minutes that let somebody into a pod',
        bound: personBounds.requests.all,
        atBound: 'the oldest is dropped; those that began shortly after are `likely` at most',
        shownBy: { metric: 'snug_respond_sessions' },
      },
      {
        what: 'uses of `kubectl attach` and `port-forward`, with their persons',
        bound: entrancesKept,
        atBound: 'the oldest is dropped; the audit log of the API server has it',
      },
      {
        what: 'sessions whose person is remembered',
        bound: personBounds.results,
        atBound: 'the one without events for longest is dropped; its later alerts have no person',
        shownBy: { metric: 'snug_respond_sessions' },
      },
      {
        what: 'alerts that wait for the store',
        bound: mostAlertsUnstored,
        atBound: 'sources wait; if the store fails, the oldest beyond `alertsKept` are dropped',
        shownBy: { metric: 'snug_store_given_up_total' },
      },
      {
        what: 'containers whose bursts of alerts are watched',
        bound: containersKept,
        atBound: 'the least recent is dropped; its next burst is sent one by one at first',
      },
      {
        what: 'audit entries',
        bound: { key: 'auditKept' },
        atBound:
          'the oldest are removed, 1,000 or more at a time; an entry `audit-cut` has the hash of the last of them',
        shownBy: { metric: 'snug_audit_entries_total' },
      },
      {
        what: 'alerts that a record of an incident lists',
        bound: alertsListed,
        atBound: 'it lists the gravest ones, and has the number of all',
      },
      {
        what: 'spans that wait for the collector of traces',
        bound: mostSpans,
        atBound: 'further spans are dropped, and the log has their number',
      },
      {
        what: 'Events on pods that wait for the API server',
        bound: eventsWaiting,
        atBound: 'the oldest are dropped, and the log has their number; the alerts stay',
      },
      {
        what: 'pods whose rate of Events is remembered',
        bound: podsLimited,
        atBound: 'the rate of the pod that had none for the longest time begins again',
      },
      {
        what: 'bytes of a slice that a node shares',
        bound: sliceBytes,
        atBound: 'further behaviours are in another slice of the node',
      },
      {
        what: 'keys in the bucket of a fleet without Kubernetes',
        bound: bucketKeysKept,
        atBound: 'values of further keys are ignored, and `snug status` counts them',
      },
      {
        what: 'bytes of the values in that bucket',
        bound: bucketBytesKept,
        atBound: 'further values are ignored, and `snug status` counts them',
      },
      {
        what: 'bytes that wait for a sink',
        bound: { key: 'outbox.size' },
        of: 'sink',
        atBound: 'the oldest are given up, and an alert has their number',
        shownBy: { metric: 'snug_sink_given_up_total' },
      },
    ],
  },
  {
    title: 'Clients',
    limits: [
      {
        what: 'connections to API and page',
        bound: connections,
        atBound: 'a further one is closed at once',
      },
      {
        what: 'live messages',
        bound: messagesKept,
        of: 'stream',
        atBound: 'the oldest is dropped; a reader that needs it gets the number of lost messages',
        shownBy: { metric: 'snug_server_live_missed_total' },
      },
      {
        what: 'tokens',
        bound: tokensKept,
        atBound: 'no further token is created',
      },
      {
        what: 'sign-in links, and tokens from them',
        bound: guestsKept,
        atBound: 'the oldest is dropped',
      },
      {
        what: 'sessions of the page',
        bound: sessionsKept,
        atBound: 'the least recent is dropped, and has to sign in again',
      },
      {
        what: 'addresses that sent wrong credentials',
        bound: addressesKept,
        atBound: 'the least recent is dropped, and may try again at once',
      },
      {
        what: "connections on the console's map, and as many ports that it listens on",
        bound: connectionsKept,
        of: 'workload',
        atBound: 'the map has open alerts first, and the number of those that it leaves out',
      },
      {
        what: 'cases in the memory of the console',
        bound: casesKept,
        of: '',
        atBound: 'the one that came first is at no incident; its node has it',
      },
      {
        what: 'alerts that a decision at the console takes its evidence from',
        bound: alertsRead,
        of: 'behaviour, in a fleet without Kubernetes',
        atBound: 'names of a shape that only older alerts have wait again on their nodes',
      },
    ],
  },
  {
    title: 'Kernel',
    limits: [
      {
        what: 'containers that the kernel observes',
        bound: 1_024,
        define: 'SNUG_SLOTS',
        atBound: 'events of further containers are lost',
        shownBy: { loss: 'too-many-containers' },
      },
      {
        what: 'versions with a place in the kernel',
        bound: 1_024,
        define: 'SNUG_VERSIONS',
        atBound: 'the least recent version without containers gives up its place',
        shownBy: { metric: 'snug_kernel_profiles' },
      },
      {
        what: 'containers that are assigned before they start',
        bound: 4_096,
        define: 'SNUG_EXPECTED',
        atBound: 'the least recent is dropped, and assigned when it starts',
      },
      {
        what: 'events seen in containers, with their counts',
        bound: 131_072,
        define: 'SNUG_SEEN',
        atBound:
          'further events are reported one by one; so are those of a container with an eighth of it',
      },
      {
        what: 'files that a pattern allowed, with the entry that they count for',
        bound: 16_384,
        define: 'SNUG_PATTERNED',
        atBound: 'another takes its place, and is matched by its text again',
      },
      {
        what: 'keys of known behaviours',
        bound: 131_072,
        define: 'SNUG_KNOWN_KEYS',
        atBound: 'the least recent is dropped, and reported once more',
      },
      {
        what: 'addresses with a name from DNS answers, in the kernel',
        bound: 10,
        of: 'one of the 32 sets of a container',
        define: 'SNUG_ANSWERED_PLACES',
        atBound: 'the oldest that no connection asked for is dropped; it is an address again',
      },
      {
        what: 'questions to DNS',
        bound: 8,
        of: 'one of the 32 sets of a container',
        define: 'SNUG_ASKED_PLACES',
        atBound: 'the oldest is dropped: an answer to it names nothing',
      },
      {
        what: 'connections to resolvers',
        bound: 16,
        of: 'container',
        define: 'SNUG_STREAMS',
        atBound: 'another is followed: later answers of the one before name nothing',
      },
      {
        what: 'connections whose first data are looked at for the name of a server',
        bound: 8_192,
        define: 'SNUG_CONNECTIONS',
        atBound:
          'the least recent is dropped; its name is lost, and in block mode its data do not leave where the version has learned names',
        shownBy: { loss: 'no-task-state' },
      },
      {
        what: 'bytes of the first data of a connection that are read for the name of a server',
        bound: 4_096,
        of: 'connection',
        atBound: 'the server has the name `?`; it has that behind 64 extensions too',
      },
      {
        what: 'senders of datagrams that a server may answer',
        bound: 65_536,
        define: 'SNUG_CALLERS',
        atBound: 'the least recent is dropped; an answer to it is a connection',
      },
    ],
  },
]
