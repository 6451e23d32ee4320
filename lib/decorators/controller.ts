import { SentinelOptionsError } from '../errors'
import { show } from '../schema'
import { misplaced, placeOf, refuseBare } from './metadata'
import type { ControllerDecorator } from './types'

/**
 * Makes a class a controller: its methods with listeners become routes. `name` is the class's part in the names of its
 * buckets (default: the class's own name); give one where the code is minified.
 *
 * @throws SentinelOptionsError where it stands, for a bad name
 * @example
 * @Controller('shop')
 * class Shop {
 *   @Command('buy')
 *   async buy(ctx: Context) { await ctx.reply('Bought.') }
 * }
 */
export function Controller(name?: string): ControllerDecorator
export function Controller(...args: readonly unknown[]): ControllerDecorator {
  refuseBare('@Controller', args)
  const [name] = args
  if (name !== undefined && (typeof name !== 'string' || name === '')) {
    const message = `must be a non-empty string, not ${show(name)}`
    throw new SentinelOptionsError([{ path: '@Controller.name', message }])
  }
  return (...target: readonly unknown[]): void => {
    const { description, key, label } = placeOf('@Controller', target)
    if (key !== undefined) throw misplaced('@Controller', label, 'a method; it needs the class')
    description.controller = { name }
  }
}
