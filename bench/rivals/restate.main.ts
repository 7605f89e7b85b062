/**
 * The saga on Restate, as its documentation writes a workflow: `run` does the steps, tells the price by a durable promise and
 * awaits the confirmation by another; shared handlers are what the outside calls, by way of Restate's server.
 */
import * as restate from '@restatedev/restate-sdk';
import type { Confirmation } from '../../src/domain/payment.js';
import { given, stepsFromEnvironment, type Order, type Price } from './steps.js';

// The SDK takes it for granted; Node has it from 22 on.
Object.assign(Promise, { withResolvers: Reflect.get(Promise, 'withResolvers') ?? withResolvers });

function withResolvers<T>() {
  let resolve: (value: T | PromiseLike<T>) => void = () => undefined;
  let reject: (reason?: unknown) => void = () => undefined;
  const promise = new Promise<T>((onValue, onError) => {
    resolve = onValue;
    reject = onError;
  });
  return { promise, resolve, reject };
}

const steps = stepsFromEnvironment();

const payment = restate.workflow({
  name: 'payment',
  handlers: {
    run: async (ctx: restate.WorkflowContext, order: Order): Promise<string> => {
      const price = await ctx.run('readAndQuote', () => steps.readAndQuote(order));
      await ctx.promise<Price>('price').resolve(price);
      const confirmation = await ctx.promise<Confirmation>('confirmation');
      await ctx.run('hold', () => steps.hold(order, confirmation));
      const pivot = await ctx.run('confirm', () => steps.confirm(order));
      await ctx.run('capture', () => steps.capture(order, pivot));
      await ctx.promise<string>('answer').resolve('paid');
      return 'paid';
    },
    price: async (ctx: restate.WorkflowSharedContext): Promise<Price> => ctx.promise<Price>('price'),
    confirm: async (ctx: restate.WorkflowSharedContext, confirmation: Confirmation): Promise<string> => {
      await ctx.promise<Confirmation>('confirmation').resolve(confirmation);
      return ctx.promise<string>('answer');
    },
  },
});

await restate.serve({ services: [payment], port: Number(given('PORT')) });
process.stdout.write('ready\n');
