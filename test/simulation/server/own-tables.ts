import type { Answer, Known } from './statements.js';

/** Microseconds since 1970: UTC_TIMESTAMP(6). */
type Micros = number;

/** A row of `stream_checkpoint`. */
type CheckpointRow = {
  readonly version: string;
  readonly token: number;
  readonly savedAt: Micros;
  readonly record: Buffer;
};

/** A row of `service_election`. */
type ElectionRow = {
  readonly holder: string;
  readonly token: number;
  readonly seenAt: Micros;
  readonly called: string;
  readonly calledAt: Micros;
};

/** The tables that agents keep checkpoints and elections in. They are there from the beginning; a crash loses nothing. */
export class OwnTables {
  readonly checkpoints = new Map<string, CheckpointRow>();
  readonly elections = new Map<string, ElectionRow>();
}

/** A value as mysql2 writes it into a statement. */
const value = String.raw`(X'[0-9a-f]*'|'(?:[^'\\]|\\.)*'|\d+|NULL)`;
const now = String.raw`UTC_TIMESTAMP\(6\)`;
const ago = String.raw`\(${now} - INTERVAL (\d+) MICROSECOND\)`;
const checkpoints = '`waymark`.`stream_checkpoint`';
const elections = '`waymark`.`service_election`';

/** ER_DUP_ENTRY */
const duplicateNumber = 1062;

const duplicate: Answer = { kind: 'error', number: duplicateNumber, message: 'Duplicate entry' };

function changed(affectedRows: 0 | 1 | 2): Answer {
  return { kind: 'ok', affectedRows };
}

/** A text; of NULL null. */
function textOf(literal = 'NULL'): string | null {
  return literal === 'NULL' ? null : literal.replace(/^'(.*)'$/s, '$1').replaceAll(/\\(.)/gs, '$1');
}

function required(literal: string | undefined): string {
  return textOf(literal) ?? '';
}

function bytesOf(literal = ''): Buffer {
  return Buffer.from(literal.slice(2, -1), 'hex');
}

/** `2026-11-30 10:00:00.000000` */
function timeText(micros: Micros): string {
  const date = new Date(Math.floor(micros / 1000)).toISOString().replace('T', ' ').slice(0, -1);
  return date + String(micros % 1000).padStart(3, '0');
}

function one(columns: readonly string[], row: readonly (string | Buffer | null)[] | null): Answer {
  return { kind: 'rows', columns, rows: row === null ? [] : [row] };
}

/** Replaces a checkpoint's row where there is one that fits. */
function updated(
  rows: Map<string, CheckpointRow>,
  key: string,
  fits: (row: CheckpointRow) => boolean,
  change: Partial<CheckpointRow>,
): Answer {
  const row = rows.get(key);
  if (row === undefined || !fits(row)) return changed(0);
  rows.set(key, { ...row, ...change });
  return changed(1);
}

type Say = (tables: OwnTables, values: readonly (string | undefined)[], nowMicros: Micros) => Answer;

/** @param text what `value` and `now` stand in, and otherwise nothing that means something in a regular expression. */
function form(text: string, say: Say): Known {
  return {
    form: new RegExp(`^${text}$`, 's'),
    say: ({ server }, [, ...values]) => say(server.ownTables, values, Math.floor(server.nowMs() * 1000)),
  };
}

/** The statements of src/checkpoint (mysql-store.ts, holder-row.ts) and src/election (election-sql.ts), and what comes of them. */
export const ownTableStatements: readonly Known[] = [
  form(`SELECT version, fencing_token FROM ${checkpoints} WHERE stream = ${value}`, (tables, [key]) => {
    const row = tables.checkpoints.get(required(key));
    return one(['version', 'fencing_token'], row === undefined ? null : [row.version, String(row.token)]);
  }),
  form(`SELECT version, record FROM ${checkpoints} WHERE stream = ${value}`, (tables, [key]) => {
    const row = tables.checkpoints.get(required(key));
    return one(['version', 'record'], row === undefined ? null : [row.version, row.record]);
  }),
  form(
    String.raw`SELECT version, record, CAST\(saved_at AS CHAR\) AS sign, TIMESTAMPDIFF\(MICROSECOND, saved_at, ${now}\) AS age FROM ${checkpoints} WHERE stream = ${value}`,
    (tables, [key], nowMicros) => {
      const row = tables.checkpoints.get(required(key));
      return one(
        ['version', 'record', 'sign', 'age'],
        row === undefined
          ? null
          : [row.version, row.record, timeText(row.savedAt), String(nowMicros - row.savedAt)],
      );
    },
  ),
  form(
    String.raw`INSERT INTO ${checkpoints} \(stream, version, fencing_token, saved_at, record\) VALUES \(${value}, ${value}, ${value}, ${now}, ${value}\)`,
    ({ checkpoints: rows }, [key, version, token, record], savedAt) => {
      if (rows.has(required(key))) return duplicate;
      rows.set(required(key), {
        ...{ version: required(version), token: Number(token), savedAt, record: bytesOf(record) },
      });
      return changed(1);
    },
  ),
  form(
    `UPDATE ${checkpoints} SET version = ${value}, fencing_token = ${value}, saved_at = ${now}, record = ${value} WHERE stream = ${value} AND fencing_token <= ${value}`,
    ({ checkpoints: rows }, [version, token, record, key, limit], savedAt) =>
      updated(rows, required(key), (row) => row.token <= Number(limit), {
        ...{ version: required(version), token: Number(token), savedAt, record: bytesOf(record) },
      }),
  ),
  form(
    `UPDATE ${checkpoints} SET version = ${value}, fencing_token = ${value}, saved_at = ${now}, record = ${value} WHERE stream = ${value} AND version = ${value} AND fencing_token <= ${value}`,
    ({ checkpoints: rows }, [version, token, record, key, base, limit], savedAt) =>
      updated(rows, required(key), (row) => row.version === required(base) && row.token <= Number(limit), {
        ...{ version: required(version), token: Number(token), savedAt, record: bytesOf(record) },
      }),
  ),
  form(
    String.raw`UPDATE ${checkpoints} SET version = ${value}, saved_at = ${now}, record = ${value} WHERE stream = ${value} AND \(version IN \(${value}, ${value}\)(?: OR version = ${value} AND saved_at = ${value})?\)`,
    ({ checkpoints: rows }, [version, record, key, own, nobody, silent, sign], savedAt) =>
      updated(
        rows,
        required(key),
        (row) =>
          row.version === required(own) ||
          row.version === required(nobody) ||
          (row.version === textOf(silent) && timeText(row.savedAt) === textOf(sign)),
        { version: required(version), savedAt, record: bytesOf(record) },
      ),
  ),
  form(
    `UPDATE ${checkpoints} SET version = ${value}, saved_at = ${now} WHERE stream = ${value} AND version = ${value}`,
    ({ checkpoints: rows }, [version, key, nonce], savedAt) =>
      updated(rows, required(key), (row) => row.version === required(nonce), {
        version: required(version),
        savedAt,
      }),
  ),
  form(
    String.raw`INSERT INTO ${elections} \(stream, service_id, token, last_seen_active, called, called_at\) VALUES \(${value}, ${value}, 1, ${now}, '', ${now}\) ` +
      String.raw`ON DUPLICATE KEY UPDATE service_id = IF\(service_id = ${value} OR \(\(service_id = '' OR last_seen_active = ${value}\) ` +
      String.raw`AND \(called = '' OR called_at < ${ago} OR called IN \(${value}, ${value}\)\)\), ${value}, service_id\), ` +
      String.raw`called = IF\(service_id = ${value} AND token <> ${value}, '', called\), ` +
      String.raw`token = IF\(service_id = ${value} AND token <> ${value}, token \+ 1, token\), ` +
      String.raw`last_seen_active = IF\(service_id = ${value}, ${now}, last_seen_active\)`,
    ({ elections: rows }, [stream, id, ...values], seenAt) => {
      const row = rows.get(required(stream));
      if (row === undefined) {
        rows.set(required(stream), {
          ...{ holder: required(id), token: 1, seenAt, called: '', calledAt: seenAt },
        });
        return changed(1);
      }
      const [own, expired, micros, anybody, host, wanted, forCall, heldAtCall, forToken, held, forSign] =
        values;
      const isFree = row.holder === '' || timeText(row.seenAt) === textOf(expired);
      const isCalled = row.called !== '' && row.calledAt >= seenAt - Number(micros);
      const may = !isCalled || [textOf(anybody), textOf(host)].includes(row.called);
      // The server sets one column after the other, and each sees those before it.
      const holder = row.holder === textOf(own) || (isFree && may) ? required(wanted) : row.holder;
      const called = holder === textOf(forCall) && row.token !== Number(heldAtCall) ? '' : row.called;
      const token = holder === textOf(forToken) && row.token !== Number(held) ? row.token + 1 : row.token;
      const seen = holder === textOf(forSign) ? seenAt : row.seenAt;
      rows.set(required(stream), { holder, token, seenAt: seen, called, calledAt: row.calledAt });
      return changed(2);
    },
  ),
  form(
    String.raw`SELECT service_id AS holder, token, called, CAST\(last_seen_active AS CHAR\) AS sign, TIMESTAMPDIFF\(MICROSECOND, last_seen_active, ${now}\) AS seenAgo, ` +
      String.raw`TIMESTAMPDIFF\(MICROSECOND, called_at, ${now}\) AS calledAgo FROM ${elections} WHERE stream = ${value}`,
    (tables, [stream], nowMicros) => {
      const row = tables.elections.get(required(stream));
      return one(
        ['holder', 'token', 'called', 'sign', 'seenAgo', 'calledAgo'],
        row === undefined
          ? null
          : [
              ...[row.holder, String(row.token), row.called, timeText(row.seenAt)],
              ...[String(nowMicros - row.seenAt), String(nowMicros - row.calledAt)],
            ],
      );
    },
  ),
  form(
    String.raw`UPDATE ${elections} SET service_id = '', called = IF\(called = ${value}, '', called\) WHERE stream = ${value} AND service_id = ${value}`,
    ({ elections: rows }, [anybody, stream, id]) => {
      const row = rows.get(required(stream));
      if (row?.holder !== textOf(id)) return changed(0);
      rows.set(required(stream), {
        ...row,
        ...{ holder: '', called: row.called === textOf(anybody) ? '' : row.called },
      });
      return changed(1);
    },
  ),
  form(
    `UPDATE ${elections} SET called = ${value}, called_at = ${now} WHERE stream = ${value} AND token = ${value}`,
    ({ elections: rows }, [called, stream, token], calledAt) => {
      const row = rows.get(required(stream));
      if (row?.token !== Number(token)) return changed(0);
      rows.set(required(stream), { ...row, called: required(called), calledAt });
      return changed(1);
    },
  ),
  form(
    String.raw`INSERT INTO ${elections} \(stream, service_id, token, last_seen_active, called_at\) VALUES \(${value}, ${value}, 0, ${now}, ${now}\) ON DUPLICATE KEY UPDATE last_seen_active = ${now}`,
    ({ elections: rows }, [agent, id], seenAt) => {
      const row = rows.get(required(agent)) ?? {
        ...{ holder: required(id), token: 0, called: '', calledAt: seenAt },
      };
      rows.set(required(agent), { ...row, seenAt });
      return changed(1);
    },
  ),
  form(
    `SELECT service_id AS holder FROM ${elections} WHERE stream LIKE 'agent:%' AND last_seen_active >= ${ago} ORDER BY stream`,
    ({ elections: rows }, [micros], nowMicros) => ({
      kind: 'rows',
      columns: ['holder'],
      rows: [...rows]
        .filter(([key, { seenAt }]) => key.startsWith('agent:') && seenAt >= nowMicros - Number(micros))
        .map(([, { holder }]) => [holder]),
    }),
  ),
  form(
    String.raw`DELETE FROM ${elections} WHERE stream LIKE 'agent:%' AND \(last_seen_active < ${ago} OR service_id = ${value}\)`,
    ({ elections: rows }, [micros, id], nowMicros) => {
      for (const [key, { seenAt, holder }] of [...rows]) {
        const isOld = seenAt < nowMicros - Number(micros);
        if (key.startsWith('agent:') && (isOld || holder === textOf(id))) rows.delete(key);
      }
      return changed(0);
    },
  ),
  form(
    String.raw`SELECT 1 FROM information_schema\.(?:TABLES WHERE TABLE_SCHEMA = 'waymark' AND TABLE_NAME = '(?:stream_checkpoint|service_election)'|SCHEMATA WHERE SCHEMA_NAME = 'waymark')`,
    () => one(['1'], ['1']),
  ),
  // How an agent asks whether it may use them.
  form(`EXPLAIN .+ (?:${checkpoints}|${elections}).*`, () => one(['id'], ['1'])),
];
