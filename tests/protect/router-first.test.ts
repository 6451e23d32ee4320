import * as router from 'ts-telegraf-decorators'
import { Container, Service } from 'typedi'
import * as sentinels from 'telegraf-sentinel'
import { routedTests } from './routed'

routedTests({ router, sentinels, container: Container, service: Service })
