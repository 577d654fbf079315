import { registerHooks } from 'node:module';

const SOURCE = new URL('../../infra/index.ts', import.meta.url).href;

/** For `node --import`: the package `streampixel-drop` is the source of this clone. */
registerHooks({
  resolve: (specifier, context, next) =>
    specifier === 'streampixel-drop' ? { url: SOURCE, shortCircuit: true } : next(specifier, context),
});
