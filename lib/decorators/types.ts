/** What decorators may stand on, for the compiler; both flavours of decorators. */
import type { Context } from 'telegraf'

/** A class, whatever its constructor takes. */
export type AnyClass = abstract new (...args: never[]) => object

/** A class that can be made an instance of. */
export type ControllerClass<T extends object = object> = new (...args: never[]) => T

interface Handlers {
  handle(ctx: Context, next: () => Promise<void>): unknown
}

/**
 * A method that can handle updates: its first parameter is a Telegraf context, a narrower one included. (A method's
 * type compares its parameters both ways; a function's would refuse the narrower ones.)
 */
export type Handler = Handlers['handle']

/** Stands on a method that handles updates. */
export interface HandlerDecorator {
  <T extends Handler>(target: object, key: string | symbol, descriptor: TypedPropertyDescriptor<T>): void
  <This, T extends Handler>(
    value: T,
    context: ClassMethodDecoratorContext<This, T> & { static: false; private: false },
  ): void
}

/** Stands on a class. */
export interface ControllerDecorator {
  <T extends AnyClass>(target: T): void
  <T extends AnyClass>(value: T, context: ClassDecoratorContext<T>): void
}

/** A method of any parameters: frameworks that inject them give them in any order. */
type AnyMethod = (...args: never[]) => unknown

/** Stands on a method. That a listener's method takes a context, the listener's decorator sees to. */
export interface MethodGuardDecorator {
  <T extends AnyMethod>(target: object, key: string | symbol, descriptor: TypedPropertyDescriptor<T>): void
  <This>(
    value: AnyMethod,
    context: ClassMethodDecoratorContext<This> & { static: false; private: false },
  ): void
}

/** Stands on a class or on a method. */
export interface GuardDecorator extends ControllerDecorator, MethodGuardDecorator {}
