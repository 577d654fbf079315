import { paginateDescribeStacks, type Stack as StackDescription } from '@aws-sdk/client-cloudformation';
import * as v from 'valibot';
import { readDeployedSettings } from '../../infra/outputs/deployed-settings.ts';
import { dropsIn, OUTPUTS } from '../../infra/outputs/outputs.ts';
import { type Finding, ok, warn } from '../finding.ts';
import { explained } from './aws-errors.ts';
import type { Stack } from './stack.ts';

/** A drop of any stack, by what decides whether it shares the rate limit with another one. */
interface RateLimitedDrop {
  /** For people: the stack, and the drop where it has a name in it. */
  readonly name: string;
  /** What the ids of its outputs start with. */
  readonly drop: string;
  readonly ledgerTable: string;
  readonly userIds: readonly string[];
  /** Another one has limits of its own, such as the stand-in of a rehearsal. Absent in stacks of other versions. */
  readonly streampixelBaseUrl?: string | undefined;
  readonly intervalSeconds?: number | undefined;
}

/** Streampixel's rate limit is per user, whatever the stack: only stacks on one ledger keep to it together. */
export async function checkRateLimit({
  clients,
  drop = '',
  ledgerTable,
  name,
  settings,
}: RateLimitSource): Promise<Finding[]> {
  const own = {
    name: shownName(name, drop),
    drop,
    ledgerTable,
    userIds: settings.routes.map(({ userId }) => userId),
    streampixelBaseUrl: settings.streampixelBaseUrl,
    intervalSeconds: settings.intervalSeconds,
  };
  const others: RateLimitedDrop[] = [];
  try {
    for await (const { Stacks = [] } of paginateDescribeStacks({ client: clients.cloudFormation }, {})) {
      others.push(...Stacks.flatMap(rateLimitedDrops));
    }
  } catch (error) {
    if (explained(error).code !== 'AccessDenied') throw error;
    const text =
      'not checked: this profile is not allowed to list the stacks of the account (cloudformation:DescribeStacks)';
    return [{ status: 'skipped', text }];
  }
  return rateLimitFindings(own, others);
}

interface RateLimitSource extends Pick<Stack, 'ledgerTable' | 'name'>, Partial<Pick<Stack, 'drop'>> {
  readonly settings: Pick<Stack['settings'], 'intervalSeconds' | 'routes' | 'streampixelBaseUrl'>;
  readonly clients: Pick<Stack['clients'], 'cloudFormation'>;
}

/** Only what is used is named: other versions of this project have other settings. */
const usedSettings = v.object({
  routes: v.array(v.object({ userId: v.string() })),
  intervalSeconds: v.optional(v.number()),
  streampixelBaseUrl: v.optional(v.string()),
});

/** How the other drop gets the ledger: by a setting of the app, or by a prop in a stack of the studio's own. */
function deploymentWith(ledgerTable: string, name: string, drop: string): string {
  return drop === ''
    ? `${name} with its own settings and -c ledgerTableName=${ledgerTable}`
    : `${name} with the prop ledgerTable: Table.fromTableName(stack, 'Ledger', '${ledgerTable}')`;
}

function shownName(stack: string, drop: string): string {
  return drop === '' ? stack : `${stack} (drop ${drop})`;
}

function settingsIn(outputs: ReadonlyMap<string, string | undefined>, drop: string): unknown {
  try {
    return readDeployedSettings((id) => outputs.get(`${drop}${id}`) ?? '');
  } catch {
    return undefined;
  }
}

/** The drops of a stack, without those whose outputs can't be read. */
function rateLimitedDrops({ Outputs = [], StackName: stack = '' }: Partial<StackDescription>): RateLimitedDrop[] {
  const outputs = new Map(Outputs.map(({ OutputKey = '', OutputValue }) => [OutputKey, OutputValue]));
  return dropsIn(outputs).flatMap((drop) => {
    const ledgerTable = outputs.get(`${drop}${OUTPUTS.ledgerTableName}`);
    const settings = v.safeParse(usedSettings, settingsIn(outputs, drop));
    if (ledgerTable === undefined || !settings.success) return [];
    const { routes, ...others } = settings.output;
    return [
      { name: shownName(stack, drop), drop, ledgerTable, userIds: routes.map(({ userId }) => userId), ...others },
    ];
  });
}

/** @param drops those of the account and region; the own one may be among them */
function rateLimitFindings(own: RateLimitedDrop, drops: readonly RateLimitedDrop[]): Finding[] {
  const sameUser = drops
    .filter(({ name }) => name !== own.name)
    .filter(({ streampixelBaseUrl = own.streampixelBaseUrl }) => streampixelBaseUrl === own.streampixelBaseUrl)
    .map((drop) => ({ ...drop, users: [...new Set(own.userIds)].filter((id) => drop.userIds.includes(id)) }))
    .filter(({ users }) => users.length > 0);
  const apart = sameUser.filter(({ ledgerTable }) => ledgerTable !== own.ledgerTable);
  if (apart.length > 0) {
    return apart.map(({ drop, name, users }) =>
      warn(
        `the stack ${name} uploads as user ${users.join(', ')} too, but with another ledger: Streampixel answers 429`,
        `Deploy one of them with the ledger of the other, while it has no build under way:\n${deploymentWith(own.ledgerTable, name, drop)}`,
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
