import { createHash } from 'node:crypto';
import { Stack } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { LONGEST_NAME } from './limits.ts';

/** The stack that a person deploys and the tool finds: of nested stacks the outermost. */
export function deployedStack(construct: Construct): Stack {
  let stack = Stack.of(construct);
  while (stack.nestedStackParent !== undefined) stack = stack.nestedStackParent;
  return stack;
}

/** The ids that lead from the deployed stack to the construct. `Default` is no part of names, as in CDK's logical ids. */
function idsOf(construct: Construct): readonly string[] {
  const ids: string[] = [];
  const stack = deployedStack(construct);
  for (let at: Construct = construct; at !== stack && at.node.scope !== undefined; at = at.node.scope as Construct) {
    if (at.node.id !== 'Default') ids.unshift(at.node.id);
  }
  return ids.map((id) => id.replace(/[^A-Za-z0-9]/g, ''));
}

/** What the ids of a drop's outputs start with, and what `--drop` takes; `''` for the drop that is a stack's `Default`. */
export function outputPrefix(construct: Construct): string {
  return idsOf(construct).join('');
}

/**
 * The name of a drop that is given none: of its stack and its path in it. Text and never a token, so that it can be part of a
 * bucket's name and of a search in a dashboard.
 */
export function defaultName(construct: Construct): string {
  const name = [deployedStack(construct).stackName, ...idsOf(construct)].join('-');
  if (name.length <= LONGEST_NAME) return name;
  const hash = createHash('sha256').update(name).digest('hex').slice(0, 8);
  return `${name.slice(0, LONGEST_NAME - hash.length - 1).replace(/-+$/, '')}-${hash}`;
}
