import { present } from '../model/optional-fields.ts';
import type { PackageWarning, Refusal, Verdict } from '../model/package-verdict.ts';

/**
 * How much of the verdict counts.
 *
 * - `refuse`: all of it
 * - `warn`: what is no package, or encrypted, only gets a warning; the zip must be whole
 * - `off`: the object only has to be a zip; nothing else is looked at
 */
export const PACKAGE_CHECKS = ['refuse', 'warn', 'off'] as const;
export type PackageCheck = (typeof PACKAGE_CHECKS)[number];

/** What is kept of a package's warnings, in the ledger and in events. */
const WARNING_LIMIT = 10;

/**
 * What of a verdict counts. That the object is a zip always does.
 *
 * @param check `unchecked`: a person wants this one build submitted, whatever the verdict is; it stays visible
 */
export function applyPackageCheck(verdict: Verdict, check: PackageCheck | 'unchecked'): Verdict {
  const { facts, refusals, warnings } = verdict;
  const counts = ({ code }: Refusal) =>
    code === 'NotAZip' || check === 'refuse' || (check === 'warn' && code === 'ZipDamaged');
  if (check === 'off') return { refusals: refusals.filter(counts), warnings: [] };
  const overridden = refusals.filter((refusal) => !counts(refusal));
  return {
    refusals: refusals.filter(counts),
    warnings: [...overridden.map(notChecked), ...warnings].slice(0, WARNING_LIMIT),
    ...present({ facts }),
  };
}

function notChecked({ code, detail }: Refusal): PackageWarning {
  return { code: 'NotChecked', detail: `${code}: ${detail}` };
}
