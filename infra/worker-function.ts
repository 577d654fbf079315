import { join } from 'node:path';
import { type Duration, RemovalPolicy } from 'aws-cdk-lib';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Architecture, LoggingFormat, Runtime, Tracing } from 'aws-cdk-lib/aws-lambda';
import { NodejsFunction } from 'aws-cdk-lib/aws-lambda-nodejs';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { acknowledgeWildcard } from './acknowledge.ts';
import { BUNDLING } from './bundling.ts';
import type { Settings } from './config.ts';
import type { Permission } from './permissions.ts';

const PROJECT_ROOT = join(import.meta.dirname, '..');

export interface WorkerFunctionProps {
  readonly settings: Settings;
  /** Its folder under functions/, where handler.ts exports `handler`; also what alarms and the dashboard call it. */
  readonly name: string;
  readonly description: string;
  readonly timeout: Duration;
  /** In MB. */
  readonly memorySize: number;
  readonly environment: Record<string, string>;
  /** Beyond writing its log and traces. */
  readonly permissions: readonly Permission[];
  /** Default true. */
  readonly traced?: boolean;
}

/** What every function of the stack has: a bundle, a log of its own and a role that allows what it is given, and no more. */
export class WorkerFunction extends Construct {
  readonly name: string;
  readonly function: NodejsFunction;
  readonly logGroup: LogGroup;

  constructor(scope: Construct, id: string, props: WorkerFunctionProps) {
    super(scope, id);
    const { settings, name, description, timeout, memorySize, environment, permissions, traced = true } = props;
    this.name = name;
    this.logGroup = new LogGroup(this, 'Log', {
      retention: settings.logRetentionDays,
      // What has to outlive the stack is in the ledger.
      removalPolicy: RemovalPolicy.DESTROY,
    });
    // Made here because the one CDK would make gets an AWS managed policy that allows writing to every log group.
    const role = new Role(this, 'Role', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });
    this.logGroup.grantWrite(role);
    if (traced) {
      const why = 'X-Ray knows no resources: the two actions that tracing needs can only be allowed on "*".';
      acknowledgeWildcard(role, '*', why);
    }
    for (const { why, ...statement } of permissions) {
      role.addToPolicy(new PolicyStatement(statement));
      if (why !== undefined) for (const resource of statement.resources) acknowledgeWildcard(role, resource, why);
    }

    this.function = new NodejsFunction(this, 'Function', {
      description,
      entry: join(PROJECT_ROOT, 'functions', name, 'handler.ts'),
      projectRoot: PROJECT_ROOT,
      depsLockFilePath: join(PROJECT_ROOT, 'package-lock.json'),
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      bundling: BUNDLING,
      timeout,
      memorySize,
      // No reserved concurrency: an account that is new has 10 in all and may reserve none, so the deployment would fail.
      environment,
      tracing: traced ? Tracing.ACTIVE : Tracing.DISABLED,
      // The function writes its own JSON lines; Lambda's JSON format would wrap them in a second layer.
      loggingFormat: LoggingFormat.TEXT,
      logGroup: this.logGroup,
      role,
    });
  }
}
