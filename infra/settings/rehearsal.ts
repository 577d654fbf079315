import type { Route } from '../../functions/domain/model/route.ts';
import { apiKeyParameters } from '../access/api-key-parameters.ts';
import { LONGEST_NAME } from '../limits.ts';
import type { Unchecked } from './checks.ts';
import type { Settings } from './schema.ts';

/** The stack of a rehearsal is another one than the real one, and its name says so. */
const SUFFIX = '-Rehearsal';
/** Every SSM parameter of a rehearsal is below it, and goes with its stack. */
const PARAMETERS = '/streampixel-drop-rehearsal';
/** A rehearsal takes minutes, not half an hour. In s. */
const LONGEST_INTERVAL_S = 10;
/** Time to download a sample, and short enough to wait for its end. In s. */
const LONGEST_LIFETIME_S = 60;

/** Whether a name is that of a rehearsal, or in one. No real stack may have such a name: it would be deleted with all builds. */
function isRehearsalName(name: string): boolean {
  return name.includes(SUFFIX);
}

/** Name of the stack in which the stack of this name is rehearsed. */
export function rehearsalName(stackName: string): string {
  return isRehearsalName(stackName) ? stackName : `${stackName}${SUFFIX}`;
}

/** Where the SSM parameters of a rehearsal are. */
export function rehearsalParameters({ stackName }: Pick<Settings, 'stackName'>): string {
  return `${PARAMETERS}/${stackName}`;
}

/**
 * The settings of a rehearsal: the same path for the same routes, with nothing in common with the real stack. No existing bucket,
 * key or ledger is used, every parameter has another name, and no one gets e-mails about failures that are meant.
 *
 * Delivery is by S3: the private half of a studio's CloudFront key is not here.
 */
export function rehearsalOf(settings: Settings): Settings {
  const stackName = rehearsalName(settings.stackName);
  const path = rehearsalParameters({ stackName });
  const names = apiKeyParameters(settings.routes);
  return {
    ...settings,
    stackName,
    routes: settings.routes.map((route) => ({
      ...route,
      // In a folder of their own: where there are many, functions may read the folder.
      apiKeyParameter: `${path}/api-keys/${names.indexOf(route.apiKeyParameter) + 1}`,
    })),
    webhookTokenParameter: `${path}/webhook-token`,
    deliveryKeyParameter: `${path}/delivery-key`,
    delivery: 's3',
    deliveryPublicKeys: [],
    fileUrlLifetimeSeconds: Math.min(settings.fileUrlLifetimeSeconds, LONGEST_LIFETIME_S),
    intervalSeconds: Math.min(settings.intervalSeconds, LONGEST_INTERVAL_S),
    bucketName: undefined,
    bucketKmsKeyArn: undefined,
    ledgerTableName: undefined,
    alertEmails: [],
    // An account has one OIDC provider of GitHub's, and no workflow pushes to a rehearsal.
    githubRepositories: [],
    // Three are free in an account.
    dashboard: false,
  };
}

/** What would mix up a rehearsal and a real stack, one line each. */
export function rehearsalProblems(values: Unchecked): readonly string[] {
  const { rehearsal, stackName } = values;
  if (typeof stackName !== 'string') return [];
  if (rehearsal === true) {
    if (rehearsalName(stackName).length <= LONGEST_NAME) return [];
    return [
      `stackName: is too long for a rehearsal, whose stack is ${rehearsalName(stackName)}: at most ${LONGEST_NAME} characters. ` +
        'Rehearse with a shorter one (-c stackName=...)',
    ];
  }
  const routes = Array.isArray(values.routes) ? (values.routes as readonly (Partial<Route> | null)[]) : [];
  const parameters = {
    webhookTokenParameter: values.webhookTokenParameter,
    deliveryKeyParameter: values.deliveryKeyParameter,
    ...Object.fromEntries(routes.map((route, index) => [`routes[${index}].apiKeyParameter`, route?.apiKeyParameter])),
  };
  return [
    ...(isRehearsalName(stackName)
      ? [
          `stackName: has ${SUFFIX} in it, as those of rehearsals have, which are deleted with all builds. Choose another`,
        ]
      : []),
    ...Object.entries(parameters).flatMap(([setting, name]) =>
      typeof name === 'string' && name.startsWith(`${PARAMETERS}/`)
        ? [`${setting}: is below ${PARAMETERS}, whose parameters are deleted with a rehearsal. Choose another`]
        : [],
    ),
  ];
}

/** Why a drop can't be a rehearsal in a stack of this name, one line each. */
export function rehearsalStackProblems(stackName: string): readonly string[] {
  if (isRehearsalName(stackName)) return [];
  return [
    `rehearsal: needs a stack of its own, which is deleted with all that is in it, and whose name ends in ${SUFFIX}. This is ${stackName}`,
  ];
}
