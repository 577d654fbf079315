import type { HttpApiSpec, HttpRouteSpec, Throttle } from './http-api.ts';
import { readRouteKey } from './http-api-routes.ts';
import type { FunctionSpec } from './lambda-process.ts';

/** A resource that an HTTP API is made of. */
export interface ApiResource {
  /** What `Ref` gives. */
  readonly ref: string;
  /** Without intrinsic functions. */
  readonly properties: Readonly<Record<string, unknown>>;
}

export interface ApiResources {
  readonly api: ApiResource;
  readonly stages: readonly ApiResource[];
  readonly routes: readonly ApiResource[];
  readonly integrations: readonly ApiResource[];
  /** @throws Error where there is none */
  functionOf(arn: string): FunctionSpec;
}

/** API Gateway's default and longest for HTTP APIs, in ms. */
const LONGEST_INTEGRATION_MS = 30_000;

/** What an account has that never asked for more. */
const ACCOUNT_THROTTLE: Throttle = { ratePerS: 10_000, burst: 5_000 };

/** Properties of any of the resources that make no difference to its clients. */
const ANY = ['ApiId', 'Description', 'Name', 'Tags'];

/**
 * An HTTP API as the template has it.
 *
 * @throws Error that names what the local stack can't serve about it
 */
export function readHttpApi(resources: ApiResources): HttpApiSpec {
  const { api, stages, routes } = resources;
  const { ProtocolType, DisableExecuteApiEndpoint } = api.properties;
  requireOnly('it', api, ['ProtocolType', 'DisableExecuteApiEndpoint']);
  if (ProtocolType !== 'HTTP') throw new Error(`its protocol is ${ProtocolType}`);
  // It can only be reached under a domain name of its own then.
  if (DisableExecuteApiEndpoint === true) throw new Error('its endpoint is disabled');
  return {
    id: api.ref,
    throttle: throttleOf(stages),
    routes: routes.map((route) => readRoute(route, resources)),
  };
}

function throttleOf(stages: readonly ApiResource[]): Throttle {
  const [stage, ...others] = stages;
  if (stage === undefined || others.length > 0) throw new Error(`it has ${stages.length} stages`);
  const { StageName, AutoDeploy, DefaultRouteSettings } = stage.properties;
  requireOnly('its stage', stage, ['StageName', 'AutoDeploy', 'DefaultRouteSettings']);
  if (StageName !== '$default') throw new Error(`its stage is ${StageName}, not $default`);
  if (AutoDeploy !== true) throw new Error('its stage is not deployed by itself');
  const { ThrottlingRateLimit, ThrottlingBurstLimit } = (DefaultRouteSettings ?? {}) as RouteSettings;
  return {
    ratePerS: ThrottlingRateLimit ?? ACCOUNT_THROTTLE.ratePerS,
    burst: ThrottlingBurstLimit ?? ACCOUNT_THROTTLE.burst,
  };
}

interface RouteSettings {
  readonly ThrottlingRateLimit?: number;
  readonly ThrottlingBurstLimit?: number;
}

function readRoute(route: ApiResource, { integrations, functionOf }: ApiResources): HttpRouteSpec {
  const { RouteKey, Target, AuthorizationType = 'NONE' } = route.properties;
  const key = readRouteKey(String(RouteKey));
  const name = `its route ${key.text}`;
  requireOnly(name, route, ['RouteKey', 'Target', 'AuthorizationType', 'OperationName']);
  if (AuthorizationType !== 'NONE') throw new Error(`${name} asks for authorization by ${AuthorizationType}`);
  const integration = integrations.find(({ ref }) => Target === `integrations/${ref}`);
  if (integration === undefined) throw new Error(`${name} leads to ${Target}`);
  const { IntegrationType, IntegrationUri, PayloadFormatVersion, TimeoutInMillis } = integration.properties;
  requireOnly(`the integration of ${name}`, integration, [
    'IntegrationMethod',
    'IntegrationType',
    'IntegrationUri',
    'PayloadFormatVersion',
    'TimeoutInMillis',
  ]);
  if (IntegrationType !== 'AWS_PROXY' || PayloadFormatVersion !== '2.0') {
    throw new Error(`${name} leads to no function that takes payload format 2.0`);
  }
  return {
    key,
    function: functionOf(String(IntegrationUri)),
    timeoutMs: Number(TimeoutInMillis ?? LONGEST_INTEGRATION_MS),
  };
}

/** @throws Error that names a property that would make a difference at AWS, and makes none here */
function requireOnly(whose: string, { properties }: ApiResource, known: readonly string[]): void {
  const unknown = Object.keys(properties).find((name) => !(known.includes(name) || ANY.includes(name)));
  if (unknown !== undefined) throw new Error(`${whose} has ${unknown}`);
}
