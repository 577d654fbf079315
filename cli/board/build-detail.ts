import { GetFunctionConfigurationCommand } from '@aws-sdk/client-lambda';
import type { LedgerEntry } from '../../functions/domain/model/ledger-entry.ts';
import { present } from '../../functions/domain/model/optional-fields.ts';
import { warningText } from '../../functions/domain/package/package-text.ts';
import { readStatus, STATES_WITH } from '../builds/build-status.ts';
import { type BuildView, historyFacts } from '../builds/build-view.ts';
import { expectationFrom } from '../builds/expected.ts';
import { readPage } from '../builds/listing.ts';
import { readBuild, readViews } from '../builds/overview.ts';
import { ALL_STATES, findBuild, once } from '../builds/search.ts';
import { STATUS_DISPLAY } from '../builds/status-display.ts';
import { printable } from '../console.ts';
import { usageError } from '../operator-error.ts';
import { buildRows } from '../screens/build-page.ts';
import type { Stack } from '../stack/stack.ts';
import type { BuildDetail, BuildsPage, BuildsQuery, Status } from './board-api.ts';
import { type RowContext, rowsOf } from './rows.ts';
import { adviceFor, dashboardOf } from './summary.ts';

const PAGE_SIZE = 50;
const LARGEST_PAGE = 100;

/** Rows that the page shows in other ways; spans of time go on there. */
const SHOWN_ELSEWHERE: ReadonlySet<string> = new Set(['Status', 'What to do', 'Labels', 'Late', 'Dropped']);

export type LogGroup = () => Promise<string | undefined>;

/**
 * All about one build.
 *
 * @param name any name of it that the tool takes
 * @throws OperatorError where there is none, or several have it
 */
export async function readDetail(
  stack: Stack,
  known: readonly LedgerEntry[],
  name: string,
  readOnly: boolean,
  logGroup: LogGroup,
): Promise<BuildDetail> {
  const now = Date.now();
  const view = await readBuild(stack, await findBuild(stack, name));
  const { differences = [], entry, status } = view;
  const [row] = rowsOf([view], { readOnly, expectedAt: expectationFrom(known) });
  if (row === undefined) throw new Error('a build has a row');
  const advice = adviceFor(stack, view);
  const isShownElsewhere = ([label, value]: readonly [string, string]) =>
    SHOWN_ELSEWHERE.has(label) || value === advice?.command;
  return {
    row,
    statusSentence: printable(`The build is ${STATUS_DISPLAY[status].label(view)}.`),
    facts: buildRows(view, now, stack.commands)
      .filter((each) => !isShownElsewhere(each))
      .map(([label, value]) => [label, printable(value)] as const),
    warnings: (entry.warnings ?? []).map((each) => ({ code: each.code, text: printable(warningText(each)) })),
    differences: differences.map(({ text }) => printable(text)),
    history: historyFacts(entry).map(({ at, note, state }) => {
      return { at, state, ...present({ note: note === undefined ? undefined : printable(note) }) };
    }),
    ...present({ advice }),
    links: linksOf(stack, view, await logGroup()),
    formerUploadIds: entry.formerUploadIds ?? [],
    command: stack.commands.status(entry.build),
  };
}

const CONSOLE = 'https://console.aws.amazon.com';

/** Name of the worker's log group, read once. @returns `undefined` where this profile may not ask */
export function logGroupOf(stack: Stack): LogGroup {
  const read = once(async (FunctionName) => {
    const command = new GetFunctionConfigurationCommand({ FunctionName });
    const { LoggingConfig } = await stack.clients.lambda.send(command).catch(() => ({ LoggingConfig: undefined }));
    return LoggingConfig?.LogGroup;
  });
  return async () => (stack.isLocal ? undefined : read(stack.submitBuildFunction));
}

function linksOf(stack: Stack, { entry }: BuildView, logGroup: string | undefined): BuildDetail['links'] {
  const { deadLetterQueueUrl, isLocal, region } = stack;
  const { bucket, key, versionId } = entry.build;
  const dashboard = entry.projectId === undefined ? undefined : dashboardOf(stack, entry.projectId);
  const links = dashboard === undefined ? [] : [{ title: 'Project on the Streampixel dashboard', url: dashboard }];
  if (isLocal) return links;
  const version = versionId === undefined ? '' : `&versionId=${encodeURIComponent(versionId)}`;
  links.push({
    title: 'Object in S3',
    url: `${CONSOLE}/s3/object/${bucket}?region=${region}&prefix=${encodeURIComponent(key)}${version}`,
  });
  if (logGroup !== undefined) {
    const filter = `log-events$3FfilterPattern$3D${escapedTwice(`{ $.build = ${JSON.stringify(entry.id)} }`)}`;
    const start = `$26start$3D${entry.build.droppedAt}`;
    links.push({
      title: 'Log in CloudWatch',
      url: `${CONSOLE}/cloudwatch/home?region=${region}#logsV2:log-groups/log-group/${escapedTwice(logGroup)}/${filter}${start}`,
    });
  }
  if (entry.state === 'dead-lettered') {
    const queue = encodeURIComponent(deadLetterQueueUrl);
    links.push({ title: 'Dead-letter queue in SQS', url: `${CONSOLE}/sqs/v3/home?region=${region}#/queues/${queue}` });
  }
  return links;
}

/** How CloudWatch's console writes text in the part behind `#`. */
function escapedTwice(text: string): string {
  return encodeURIComponent(encodeURIComponent(text)).replaceAll('%', '$');
}

/**
 * A page of all builds that fit a query, newest change first.
 *
 * @throws OperatorError (usage) for a query that makes no sense
 */
export async function readBuilds(
  stack: Stack,
  { from, limit = `${PAGE_SIZE}`, project, q = '', status }: BuildsQuery,
  context: RowContext,
): Promise<BuildsPage> {
  const size = Number(limit);
  if (!Number.isInteger(size) || size < 1 || size > LARGEST_PAGE) {
    throw usageError(`limit must be a number from 1 to ${LARGEST_PAGE}.`, 'Leave it out.');
  }
  if (status !== undefined && !isStatus(status)) throw usageError('There is no such status.', 'Leave it out.');
  const words = q
    .toLowerCase()
    .replace(/^\s*s3:\/\//, '')
    .split(/\s+/)
    .filter(Boolean);
  const ledger = {
    webhookOf: once((projectId) => stack.ledger.webhookOf(projectId)),
    liveOf: once((projectId) => stack.ledger.liveOf(projectId)),
  };
  const { entries, next } = await readPage(stack, {
    limit: size,
    ...present({ from }),
    states: status === undefined ? ALL_STATES : STATES_WITH[status],
    async isWanted(entry) {
      if (project !== undefined && entry.projectId !== project) return false;
      if (words.length > 0 && !words.every((word) => textOf(entry).includes(word))) return false;
      return status === undefined || (await readStatus(ledger, entry)) === status;
    },
  });
  const { view } = await readViews(stack, entries);
  return { builds: rowsOf(entries.map(view), context), ...present({ next }) };
}

function isStatus(text: string): text is Status {
  return Object.hasOwn(STATES_WITH, text);
}

/** What a search looks at, in lower case. */
function textOf({ formerUploadIds = [], id, labels = {}, uploadId = '' }: LedgerEntry): string {
  const named = Object.entries(labels).map(([name, value]) => `${name}=${value}`);
  return [id, uploadId, ...formerUploadIds, ...named].join('\n').toLowerCase();
}
