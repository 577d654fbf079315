/**
 * Redrives every dead letter as the operator's tool and the function do, in a process of its own that can be made to die at
 * the worst moment: when a batch is in the builds queue and still in the dead-letter queue.
 *
 * Arguments: endpoint, URL of the dead-letter queue, URL of the builds queue, number of the batch to die in (0: none).
 */
import { SQSClient } from '@aws-sdk/client-sqs';
import { createSqsBuildsQueue } from '../../functions/adapters/sqs-builds-queue.ts';
import { createSqsDeadLetterStore } from '../../functions/adapters/sqs-dead-letter-store.ts';
import type { BuildsQueue } from '../../functions/domain/ports.ts';
import { collectDeadLetters, redriveDeadLetters } from '../../functions/domain/redrive/redrive.ts';

const [endpoint = '', deadLettersUrl = '', buildsUrl = '', dieIn] = process.argv.slice(2);

/** Much longer than collecting takes (two long polls that find nothing), and soon over for what a killed process has hidden. */
const HIDDEN_S = 30;

const sqs = new SQSClient({
  endpoint,
  region: 'us-east-1',
  credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
});
const store = createSqsDeadLetterStore(sqs, deadLettersUrl, HIDDEN_S);
const queue = createSqsBuildsQueue(sqs, buildsUrl);
let batches = 0;
const mortal: BuildsQueue = {
  async send(deadLetters) {
    const sent = await queue.send(deadLetters);
    if (++batches === Number(dieIn)) process.kill(process.pid, 'SIGKILL');
    return sent;
  },
};
const deadLetters = await collectDeadLetters(store, () => true);
process.stdout.write(JSON.stringify(await redriveDeadLetters(deadLetters, store, mortal)));
sqs.destroy();
