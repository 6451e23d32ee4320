// TS1238:
import { Exempt } from 'telegraf-sentinel'

@Exempt()
export class Shop {}
