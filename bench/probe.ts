/**
 * Imported into the worker's process before everything else: lets the benchmark look in from outside and set the clock. It uses the
 * process's IPC channel.
 */

/** To the probe: move the clock this many ms ahead of the machine's in all. It answers with a {@link Reading}. */
export interface Setting {
  readonly offsetMs: number;
}

export interface Reading {
  /** User and system time of the process so far, in ms. */
  readonly cpuMs: number;
  /** The most memory that was ever resident, in bytes. */
  readonly peakRss: number;
}

const machineNow = Date.now;
let offset = 0;
Date.now = () => machineNow() + offset;

process.on('message', ({ offsetMs }: Setting) => {
  offset = offsetMs;
  const { user, system } = process.cpuUsage();
  const reading: Reading = { cpuMs: (user + system) / 1000, peakRss: process.resourceUsage().maxRSS * 1024 };
  process.send?.(reading);
});
