/** What nestjs-telegraf routes, by the metadata that its decorators leave. The package itself is not needed for that. */
import { Reflector } from '@nestjs/core'
import type { AnyClass } from '../decorators/types'

/** The names under which nestjs-telegraf 2 keeps its metadata, and one of its providers. */
export const NAMES = {
  update: 'UPDATE_METADATA',
  scene: 'SCENE_METADATA',
  composer: 'COMPOSER_METADATA',
  listeners: 'LISTENERS_METADATA',
  wizardStep: 'WIZARD_STEP_METADATA',
  botName: 'TELEGRAF_BOT_NAME',
} as const

const reflector = new Reflector()

/** Whether `@Update`, `@Scene`, `@Wizard` or `@Composer` stands on the class or on a parent. */
export function isRouted(Class: AnyClass): boolean {
  return [NAMES.update, NAMES.scene, NAMES.composer].some((name) => Boolean(metadata(name, Class)))
}

/** Whether nestjs-telegraf calls the method: it knows listeners by the function, not by its name. */
export function isListener(Class: AnyClass, key: string | symbol): boolean {
  const method: unknown = Reflect.get(Class.prototype as object, key)
  if (typeof method !== 'function' || typeof key === 'symbol') return false
  const listeners = metadata(NAMES.listeners, method)
  if (Array.isArray(listeners) && listeners.length > 0) return true
  const scene = metadata(NAMES.scene, Class) as { readonly type?: unknown } | undefined
  return scene?.type === 'wizard' && Boolean(metadata(NAMES.wizardStep, method))
}

function metadata(name: string, target: object): unknown {
  return reflector.get<unknown>(name, target as AnyClass & Parameters<Reflector['get']>[1])
}
