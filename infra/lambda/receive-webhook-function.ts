import { Duration } from 'aws-cdk-lib';
import { HttpApi, HttpMethod, HttpStage } from 'aws-cdk-lib/aws-apigatewayv2';
import { HttpLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import type { Construct } from 'constructs';
import { ENV } from '../../functions/receive-webhook/environment.ts';
import { readParameters } from '../access/permissions.ts';
import { acknowledge } from '../acknowledge.ts';
import type { Resources } from '../resources.ts';
import { environmentOf } from './environment.ts';
import { WorkerFunction } from './worker-function.ts';

/**
 * Webhooks a second, and at once. A build has seven in some minutes, so this is room for hundreds of builds at a time; a flood
 * costs no more than this, and leaves the account's concurrency to other functions.
 */
const RATE_PER_S = 20;
const BURST = 50;

/**
 * The function that receives Streampixel's webhooks, behind the stack's one public address.
 *
 * An HTTP API and not a function URL: it throttles without reserving concurrency, which new accounts can't do; it refuses other
 * methods and paths, and bodies that break off or never end, before the function is started and billed.
 */
export class ReceiveWebhookFunction extends WorkerFunction {
  readonly api: HttpApi;

  constructor(scope: Construct, id: string, { settings, environment, followQueue }: Resources) {
    super(scope, id, {
      settings,
      name: 'receive-webhook',
      description: "Receives Streampixel's webhooks",
      // Streampixel waits for 10 s.
      timeout: Duration.seconds(10),
      // Streampixel waits for the answer and never sends again, and memory brings CPU: by the table in docs/performance.md a cold
      // start takes a fifth of what it does at 256 MB.
      memorySize: 1024,
      environment: environmentOf(ENV, environment),
      // Many short runs, each in the log: traces would cost as much as all the rest.
      traced: false,
      permissions: [
        { sid: 'StoreWebhooks', actions: ['sqs:SendMessage'], resources: [followQueue.queue.queueArn] },
        ...readParameters('WebhookTokens', [settings.webhookTokenParameter]),
      ],
    });

    this.api = new HttpApi(this, 'Api', {
      apiName: `${settings.stackName}-webhooks`,
      description: "Streampixel's webhooks: POST /{projectId}/{token}",
      createDefaultStage: false,
    });
    const stage = new HttpStage(this, 'Stage', {
      httpApi: this.api,
      autoDeploy: true,
      throttle: { rateLimit: RATE_PER_S, burstLimit: BURST },
    });
    acknowledge(
      stage,
      'AwsSolutions-APIG1',
      'The path of each request holds the token: an access log would be a store of credentials.',
    );
    const [route] = this.api.addRoutes({
      path: '/{projectId}/{token}',
      methods: [HttpMethod.POST],
      integration: new HttpLambdaIntegration('ReceiveWebhook', this.function),
    });
    if (route === undefined) throw new Error('the API has no route');
    acknowledge(
      route,
      'AwsSolutions-APIG4',
      'Streampixel signs nothing and can send no header of ours: the token in the path is the authorization.',
    );
  }
}
