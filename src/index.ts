/** waymark as a library: the agent with a sink of your own, finding hints, and their types. */
export { type Agent, type AgentOptions, createAgent, runAgent } from './agent.js';
export type { AgentStatus } from './failover/status.js';
export type { MemberView } from './failover/member-view.js';
export type { ReloadReport } from './failover/reload.js';
export type { SwitchReport } from './failover/switch.js';
export { type Address, parseAddress, formatAddress } from './config/address.js';
export { loadConfig, parseConfig } from './config/load.js';
export type { Config } from './config/schema.js';
export { Secret } from './config/secret.js';
export type { Coordinates } from './binlog/coordinates.js';
export { defaultHintFormat, type Hint, type HintFormat, hintFromToken, parseHint } from './hints/hint.js';
export { lastHint as findLastHint, locateHint as findHint, type LocateResult } from './matching/locate.js';
export type { HintPlace } from './matching/hint-scan.js';
export type { Confidence } from './matching/match-state.js';
export type { Instance, Account } from './mysql/instance.js';
export type {
  ChangeRecord,
  ColumnValue,
  RecordSource,
  RecordTransaction,
  RowImage,
} from './records/record.js';
export type { DeliveredTransaction } from './records/ndjson.js';
export type { RecordBatch } from './records/record-batch.js';
export type { Sink, SinkRecovery } from './sinks/sink.js';
export { fileSink } from './sinks/file-sink.js';
export { stdoutSink } from './sinks/stdout-sink.js';
export { type OfferedBatch, records, type StreamSink, streamSink } from './sinks/stream-sink.js';
export { type ErrorCode, WaymarkError } from './util/errors.js';
