import type { Route } from '../../functions/domain/model/route.ts';
import { operatorCommands } from '../../functions/domain/notify/operator-commands.ts';
import { apiKeyParameters, apiKeyPaths, fits, patternLength, statementLength } from '../access/api-key-parameters.ts';
import { TRUST_POLICY_LIMIT, trustPolicyLength } from '../access/github-subjects.ts';
import { environmentBytes } from '../lambda/environment.ts';
import { ENVIRONMENT_LIMIT_BYTES, EVENT_PATTERN_LIMIT, KEY_STATEMENT_LIMIT, ROUTES_OUTPUTS_LIMIT } from '../limits.ts';
import { writeDeployedSettings } from '../outputs/deployed-settings.ts';
import { deployedSettings } from '../outputs/outputs.ts';
import { SAMPLE_PROJECT_ID, SAMPLE_USER_ID } from './sample.ts';
import type { Settings } from './schema.ts';

/** Values that the schema may have found wrong: what is wrong between two of them is reported all the same. */
export type Unchecked = Readonly<Partial<Record<keyof Settings, unknown>>>;

type Routes = readonly (Partial<Route> | null)[];

/** What is wrong between settings, one line each. */
export function problemsBetween(values: Unchecked): readonly string[] {
  const routes: Routes = Array.isArray(values.routes) ? values.routes : [];
  return [
    ...prefixProblems(routes, values.prefix),
    ...(values.bucketKmsKeyArn !== undefined && values.bucketName === undefined
      ? ['bucketKmsKeyArn: is of use with bucketName only. Set that too, or leave this out']
      : []),
    ...releaseProblems(routes),
    ...parameterProblems(routes, values),
    ...deliveryProblems(values),
    ...userProblems(routes),
    ...patienceProblems(values),
  ];
}

/** Streampixel cancels a user's key when a new one is made: of two stored keys, one at most works. */
function userProblems(routes: Routes): readonly string[] {
  const firstOf = new Map<string, number>();
  return routes.flatMap((route, index) => {
    if (route?.userId === undefined) return [];
    // The schema takes an id in either case.
    const userId = String(route.userId).toLowerCase();
    const first = firstOf.get(userId) ?? index;
    firstOf.set(userId, first);
    const [parameter, own] = [routes[first]?.apiKeyParameter, route.apiKeyParameter];
    if (parameter === undefined || own === undefined || parameter === own) return [];
    // Without the names: some put the key itself there.
    return [
      `routes[${index}].apiKeyParameter: is another one than that of routes[${first}], which has the same userId. Streampixel ` +
        'accepts only the newest key of a user, so give all routes of a user the same parameter',
    ];
  });
}

function patienceProblems({ lateAfterMinutes: late, stuckAfterMinutes: stuck }: Unchecked): readonly string[] {
  if (typeof late !== 'number' || typeof stuck !== 'number' || late <= stuck) return [];
  return [
    `lateAfterMinutes: is ${late}, more than stuckAfterMinutes (${stuck}): a build would be stuck before it is late. Choose a ` +
      'shorter time, or a longer one for stuckAfterMinutes',
  ];
}

function prefixProblems(routes: Routes, watched: unknown): readonly string[] {
  const firstOf = new Map<string, number>();
  return routes.flatMap((route, index) => {
    const prefix = route?.prefix;
    if (typeof prefix !== 'string') return [];
    const first = firstOf.get(prefix);
    if (first === undefined) firstOf.set(prefix, index);
    else {
      return [`routes[${index}].prefix: is the same as that of routes[${first}]. Give each route a prefix of its own`];
    }
    if (typeof watched === 'string' && !prefix.startsWith(watched)) {
      return [
        `routes[${index}].prefix: does not start with the watched prefix "${watched}", so the route would never get a build. ` +
          'Change it, or watch a shorter prefix',
      ];
    }
    return [];
  });
}

function releaseProblems(routes: Routes): readonly string[] {
  return routes.flatMap((route, index) =>
    route?.autoRelease === true && route.release !== undefined
      ? [
          `routes[${index}].release: is of use with autoRelease false only: with true Streampixel releases the build by itself. ` +
            'Set autoRelease to false, or leave release out',
        ]
      : [],
  );
}

/** Storing the one secret would overwrite the other. */
function parameterProblems(routes: Routes, values: Unchecked): readonly string[] {
  const owners = new Map<unknown, string>();
  for (const [index, route] of routes.entries()) {
    const name = route?.apiKeyParameter;
    if (!owners.has(name)) owners.set(name, `the apiKeyParameter of routes[${index}]`);
  }
  return (['webhookTokenParameter', 'deliveryKeyParameter'] as const).flatMap((setting) => {
    const name = values[setting];
    const owner = name === undefined ? undefined : owners.get(name);
    owners.set(name, `the ${setting}`);
    return owner === undefined ? [] : [`${setting}: is ${owner}. Give each secret a parameter of its own`];
  });
}

function deliveryProblems({ delivery, deliveryPublicKeys, stackName }: Unchecked): readonly string[] {
  if (delivery !== 'cloudfront' || !Array.isArray(deliveryPublicKeys) || deliveryPublicKeys.length > 0) return [];
  return [
    'deliveryPublicKeys: is empty, and with delivery cloudfront it needs a key. Once the stack is deployed with delivery s3, put in what ' +
      `this prints: ${operatorCommands(typeof stackName === 'string' ? { stack: stackName } : {}).createDeliveryKey()}`,
  ];
}

/** What AWS would refuse after minutes of deployment. */
export function sizeProblems(settings: Settings): readonly string[] {
  return [
    ...environmentProblems(settings),
    ...keyProblems(settings),
    ...routesProblems(settings),
    ...trustProblems(settings),
  ];
}

function environmentProblems(settings: Settings): readonly string[] {
  const bytes = environmentBytes(settings);
  if (bytes <= ENVIRONMENT_LIMIT_BYTES) return [];
  return [
    `streampixelBaseUrl: is too long. The environment of a function would take up to ${bytes} of Lambda's ${ENVIRONMENT_LIMIT_BYTES} bytes`,
  ];
}

function keyProblems(settings: Settings): readonly string[] {
  const paths = apiKeyPaths(settings);
  if (fits(paths)) return [];
  const names = apiKeyParameters(settings.routes);
  const [pattern, statement] = [patternLength(paths), statementLength(paths)];
  const exceeded =
    pattern > EVENT_PATTERN_LIMIT
      ? `one rule of EventBridge (${pattern} of ${EVENT_PATTERN_LIMIT}`
      : `a statement of an IAM policy (${statement} of ${KEY_STATEMENT_LIMIT}`;
  const folders = new Set(names.map((name) => name.slice(0, name.lastIndexOf('/') + 1)));
  return [
    `routes: the names of the ${names.length} API key parameters, in ${folders.size} folder${folders.size === 1 ? '' : 's'}, are too ` +
      `long for ${exceeded} characters). Put them into one folder with no other secret of the stack in it, such as ` +
      '/streampixel-drop/keys/NAME, let routes share a parameter, or spread the routes over two stacks (-c stackName=...)',
  ];
}

function trustProblems({ githubRepositories }: Settings): readonly string[] {
  const length = trustPolicyLength(githubRepositories);
  if (length <= TRUST_POLICY_LIMIT) return [];
  return [
    `githubRepositories: ${githubRepositories.length} are too many for one role, whose trust policy would take up to ${length} of IAM's ` +
      `${TRUST_POLICY_LIMIT} characters. Name whole repositories instead of branches, or give the others a role of your own with the policy ` +
      'of the output PushPolicyArn',
  ];
}

function routesProblems(settings: Settings): readonly string[] {
  const outputs = Object.keys(writeDeployedSettings(deployedSettings(settings))).length;
  if (outputs <= ROUTES_OUTPUTS_LIMIT) return [];
  return [
    `routes: ${settings.routes.length} routes are too many for one stack. The list that the operator's tool reads would take ${outputs} ` +
      `outputs of the stack, and there is room for ${ROUTES_OUTPUTS_LIMIT}. Spread the routes over two stacks (-c stackName=...)`,
  ];
}

/** Where the settings still hold an id of the sample, e.g. `routes[0].userId`. */
export function sampleIds(settings: Settings): readonly string[] {
  return settings.routes.flatMap(({ userId, projectId }, index) => [
    ...(userId === SAMPLE_USER_ID ? [`routes[${index}].userId`] : []),
    ...(projectId === SAMPLE_PROJECT_ID ? [`routes[${index}].projectId`] : []),
  ]);
}
