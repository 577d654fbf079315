import { paginateDescribeStacks, type Stack as StackDescription } from '@aws-sdk/client-cloudformation';
import * as v from 'valibot';
import { readDeployedSettings } from '../../infra/deployed-settings.ts';
import { OUTPUTS } from '../../infra/outputs.ts';
import { type Finding, ok, warn } from '../finding.ts';
import { explained } from './aws-errors.ts';
import type { Stack } from './stack.ts';

/** A stack of this project, by what decides whether it shares the rate limit with another one. */
type RateLimitedStack = NonNullable<ReturnType<typeof rateLimitedStack>>;

/** Streampixel's rate limit is per user, whatever the stack: only stacks on one ledger keep to it together. */
export async function checkRateLimit({ clients, ledgerTable, name, settings }: RateLimitSource): Promise<Finding[]> {
  const own = {
    name,
    ledgerTable,
    userIds: settings.routes.map(({ userId }) => userId),
    intervalSeconds: settings.intervalSeconds,
  };
  const others: RateLimitedStack[] = [];
  try {
    for await (const { Stacks = [] } of paginateDescribeStacks({ client: clients.cloudFormation }, {})) {
      others.push(...Stacks.flatMap((description) => rateLimitedStack(description) ?? []));
    }
  } catch (error) {
    if (explained(error).code !== 'AccessDenied') throw error;
    const text =
      'not checked: this profile is not allowed to list the stacks of the account (cloudformation:DescribeStacks)';
    return [{ status: 'skipped', text }];
  }
  return rateLimitFindings(own, others);
}

interface RateLimitSource extends Pick<Stack, 'ledgerTable' | 'name'> {
  readonly settings: Pick<Stack['settings'], 'intervalSeconds' | 'routes'>;
  readonly clients: Pick<Stack['clients'], 'cloudFormation'>;
}

/** Only what is used is named: other versions of this project have other settings. */
const usedSettings = v.object({
  routes: v.array(v.object({ userId: v.string() })),
  intervalSeconds: v.optional(v.number()),
});

/** @returns `undefined` for a stack of something else, and for one whose outputs can't be read */
function rateLimitedStack({ Outputs = [], StackName: name = '' }: Partial<StackDescription>) {
  const outputs = new Map(Outputs.map(({ OutputKey, OutputValue }) => [OutputKey, OutputValue]));
  const ledgerTable = outputs.get(OUTPUTS.ledgerTableName);
  const settings = v.safeParse(usedSettings, settingsIn(outputs));
  if (ledgerTable === undefined || !settings.success) return undefined;
  const { intervalSeconds, routes } = settings.output;
  return { name, ledgerTable, userIds: routes.map(({ userId }) => userId), intervalSeconds };
}

function settingsIn(outputs: ReadonlyMap<string | undefined, string | undefined>): unknown {
  try {
    return readDeployedSettings((id) => outputs.get(id) ?? '');
  } catch {
    return undefined;
  }
}

/** @param stacks those of the account and region; the own one may be among them */
function rateLimitFindings(own: RateLimitedStack, stacks: readonly RateLimitedStack[]): Finding[] {
  const sameUser = stacks
    .filter(({ name }) => name !== own.name)
    .map((stack) => ({ ...stack, users: [...new Set(own.userIds)].filter((id) => stack.userIds.includes(id)) }))
    .filter(({ users }) => users.length > 0);
  const apart = sameUser.filter(({ ledgerTable }) => ledgerTable !== own.ledgerTable);
  if (apart.length > 0) {
    return apart.map(({ name, users }) =>
      warn(
        `the stack ${name} uploads as user ${users.join(', ')} too, but with another ledger: Streampixel answers 429`,
        `Deploy one of them with the ledger of the other, while it has no build under way:\n${name} with its own settings and -c ledgerTableName=${own.ledgerTable}`,
      ),
    );
  }
  if (sameUser.length === 0) return [ok('no other stack of this account and region uploads as the same users')];
  const shared = ok(`shared with ${sameUser.map(({ name }) => name).join(', ')} by the ledger ${own.ledgerTable}`);
  const others = sameUser.filter(
    ({ intervalSeconds = own.intervalSeconds }) => intervalSeconds !== own.intervalSeconds,
  );
  return [
    shared,
    ...others.map(({ intervalSeconds, name }) =>
      warn(
        `the stack ${name} uploads every ${intervalSeconds} s, this one every ${own.intervalSeconds} s: each keeps to its own interval only`,
        'Give both the same intervalSeconds.',
      ),
    ),
  ];
}
