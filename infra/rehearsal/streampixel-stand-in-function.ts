import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import { HttpApi, HttpMethod, HttpStage } from 'aws-cdk-lib/aws-apigatewayv2';
import { HttpLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import { AttributeType, BillingMode, Table } from 'aws-cdk-lib/aws-dynamodb';
import type { Construct } from 'constructs';
import { LEDGER_TABLE } from '../../functions/adapters/ledger-table.ts';
import { BASE_PATH } from '../../functions/streampixel-stand-in/api.ts';
import { ENV } from '../../functions/streampixel-stand-in/environment.ts';
import { consumeMessages, readParameters } from '../access/permissions.ts';
import { acknowledge } from '../acknowledge.ts';
import { WorkerFunction } from '../lambda/worker-function.ts';
import { WorkerQueue } from '../queues/worker-queue.ts';
import { rehearsalParameters } from '../settings/rehearsal.ts';
import type { Settings } from '../settings/schema.ts';

/** The two ends of a build and a webhook, whose receiver may take its time. */
const TIMEOUT = Duration.seconds(60);
/** One person rehearses. */
const RATE_PER_S = 20;
const BURST = 50;

/** The stand-in for Streampixel in a rehearsal: its API, and what it does with a build afterwards. */
export class StreampixelStandInFunction extends WorkerFunction {
  /** Takes the place of the setting. */
  readonly streampixelBaseUrl: string;

  constructor(scope: Construct, id: string, settings: Settings) {
    // Not in the function: its construct does not exist yet.
    const queue = new WorkerQueue(scope, `${id}Queue`, `${settings.stackName}-stand-in`, TIMEOUT);
    const table = new Table(scope, `${id}Table`, {
      partitionKey: { name: LEDGER_TABLE.partitionKey, type: AttributeType.STRING },
      billingMode: BillingMode.PAY_PER_REQUEST,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    acknowledge(
      table,
      'AwsSolutions-DDB3',
      'It holds what the stand-in knows of the uploads of a rehearsal: nothing to restore.',
    );
    const parameter = standInParameter(settings);
    super(scope, id, {
      settings,
      name: 'streampixel-stand-in',
      description: 'Stands in for Streampixel in a rehearsal',
      timeout: TIMEOUT,
      memorySize: 512,
      environment: {
        [ENV.intervalMs]: String(Math.round(settings.intervalSeconds * 1000)),
        [ENV.standInTable]: table.tableName,
        [ENV.standInQueueUrl]: queue.queue.queueUrl,
        [ENV.standInParameter]: parameter,
      },
      routes: settings.routes,
      traced: false,
      permissions: [
        consumeMessages(queue),
        { sid: 'SendSteps', actions: ['sqs:SendMessage'], resources: [queue.queue.queueArn] },
        {
          sid: 'RememberUploads',
          actions: ['dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:UpdateItem'],
          resources: [table.tableArn],
        },
        ...readParameters('StandIn', [parameter]),
      ],
    });
    this.consume(queue.queue, 2);

    const api = new HttpApi(this, 'Api', {
      apiName: `${settings.stackName}-stand-in`,
      description: 'Stands in for the API of Streampixel in a rehearsal',
      createDefaultStage: false,
    });
    const stage = new HttpStage(this, 'Stage', {
      httpApi: api,
      autoDeploy: true,
      throttle: { rateLimit: RATE_PER_S, burstLimit: BURST },
    });
    acknowledge(
      stage,
      'AwsSolutions-APIG1',
      'The queries hold the API key, as at Streampixel: an access log would be a store of credentials.',
    );
    const integration = new HttpLambdaIntegration('StandIn', this.function);
    for (const method of [HttpMethod.POST, HttpMethod.GET]) {
      for (const route of api.addRoutes({ path: `${BASE_PATH}/projects/{endpoint}`, methods: [method], integration })) {
        acknowledge(
          route,
          'AwsSolutions-APIG4',
          'It stands in for Streampixel, whose API is public and checks the key in the request.',
        );
      }
    }
    this.streampixelBaseUrl = `${api.apiEndpoint}${BASE_PATH}`;
  }
}

/** The parameter in which `rehearse` stores what a person enters on Streampixel's dashboard. */
export function standInParameter(settings: Settings): string {
  return `${rehearsalParameters(settings)}/stand-in`;
}
