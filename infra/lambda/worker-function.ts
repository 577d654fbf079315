import { type Duration, Names, RemovalPolicy } from 'aws-cdk-lib';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import {
  Architecture,
  Function as LambdaFunction,
  LoggingFormat,
  Runtime,
  RuntimeFamily,
  Tracing,
} from 'aws-cdk-lib/aws-lambda';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { Route } from '../../functions/domain/model/route.ts';
import { acknowledgeWildcard } from '../acknowledge.ts';
import type { Settings } from '../settings/schema.ts';
import { functionCode } from './function-code.ts';

/** One statement of a function's role, for one purpose. */
export interface Permission {
  readonly sid: string;
  readonly actions: string[];
  readonly resources: string[];
  readonly conditions?: Record<string, Record<string, string | string[]>>;
  /** Where a resource is a wildcard: the reason, for cdk-nag and for the person who reviews the role. */
  readonly why?: string;
}

export interface WorkerFunctionProps {
  readonly settings: Settings;
  /** Its folder under functions/, where handler.ts exports `handler`; alarms and the dashboard have this name too. */
  readonly name: string;
  readonly description: string;
  readonly timeout: Duration;
  /** In MB. */
  readonly memorySize: number;
  readonly environment: Record<string, string>;
  /** For a function that needs them: they are beside its code. */
  readonly routes?: readonly Route[];
  /** Beside writing its log and traces. */
  readonly permissions: readonly Permission[];
  /** Default true. */
  readonly traced?: boolean;
}

/** What every function of the stack has: a bundle, a log of its own and a role that allows what it is given, and no more. */
export class WorkerFunction extends Construct {
  readonly name: string;
  readonly function: LambdaFunction;
  readonly logGroup: LogGroup;

  constructor(scope: Construct, id: string, props: WorkerFunctionProps) {
    super(scope, id);
    const { settings, name, permissions, routes, traced = true, ...own } = props;
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
      const why = 'X-Ray has no resources: the two actions that tracing needs can only be allowed on "*".';
      acknowledgeWildcard(role, '*', why);
    }
    for (const { why, ...statement } of permissions) {
      role.addToPolicy(new PolicyStatement(statement));
      if (why !== undefined) for (const resource of statement.resources) acknowledgeWildcard(role, resource, why);
    }

    this.function = new LambdaFunction(this, 'Function', {
      ...own,
      code: functionCode(name, routes),
      handler: 'index.handler',
      // By its name, which CDK versions before it take too.
      runtime: new Runtime('nodejs24.x', RuntimeFamily.NODEJS),
      architecture: Architecture.ARM_64,
      // No reserved concurrency: an account that is new has 10 in all and may reserve none, so the deployment would fail.
      tracing: traced ? Tracing.ACTIVE : Tracing.DISABLED,
      // The function writes its own JSON lines; Lambda's JSON format would wrap them in a second layer.
      loggingFormat: LoggingFormat.TEXT,
      logGroup: this.logGroup,
      role,
    });
  }

  /** Starts the function with batches of messages. */
  protected consume(queue: IQueue, maxConcurrency: number): void {
    // Not CDK's SqsEventSource, whose grant has more than Lambda's polling and the function need. The id is the one that it gives.
    this.function.addEventSourceMapping(`SqsEventSource:${Names.nodeUniqueId(queue.node)}`, {
      eventSourceArn: queue.queueArn,
      batchSize: 10,
      reportBatchItemFailures: true,
      maxConcurrency,
      // No filters: Lambda deletes the messages that don't match, and nothing may be lost unseen.
    });
  }
}
