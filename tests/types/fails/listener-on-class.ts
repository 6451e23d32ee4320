// TS1238:
import { Use } from 'telegraf-sentinel'

@Use()
export class Shop {}
