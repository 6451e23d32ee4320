/** What the bot does: a class and a wizard that nestjs-telegraf routes, with guards on both. */
import { Inject } from '@nestjs/common'
import { Command, Ctx, Help, Message, Sender, Start, Update, Wizard, WizardStep } from 'nestjs-telegraf'
import type { Scenes } from 'telegraf'
import { Debounce, Exempt, RateLimit, RequireRegistered, Sentinel } from 'telegraf-sentinel'

@Update()
@RateLimit(30, '1m') // one bucket for the whole class
export class Shop {
  constructor(@Inject(Sentinel) private readonly sentinel: Sentinel) {}

  @Start()
  start(): string {
    return 'Welcome! /register, then /buy.'
  }

  @Help()
  @Exempt() // not counted by the class's limit
  help(): string {
    return '/buy something, then /checkout.'
  }

  @Command('register')
  async register(@Sender('id') id: number): Promise<string> {
    await this.sentinel.registrations.add(id)
    return 'You are registered.'
  }

  @Command('buy')
  @RateLimit({ limit: 3, window: '10s' }) // its own bucket, on top of the class's
  @RequireRegistered({ reply: 'Please /register first.' })
  buy(@Sender('first_name') name: string): string {
    return `Bought, ${name}.`
  }

  @Command('checkout')
  async checkout(@Ctx() ctx: Scenes.WizardContext): Promise<void> {
    await ctx.scene.enter('checkout')
  }
}

@Wizard('checkout')
export class Checkout {
  @WizardStep(1)
  ask(@Ctx() ctx: Scenes.WizardContext): string {
    ctx.wizard.next()
    return 'Where to?'
  }

  @WizardStep(2)
  @Debounce('2s') // a message that was sent twice orders once
  async order(@Ctx() ctx: Scenes.WizardContext, @Message('text') address: string): Promise<string> {
    await ctx.scene.leave()
    return `On its way to ${address}.`
  }
}
