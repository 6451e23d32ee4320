export { layered, type LayeredStore } from './layered'
export type { LayeredOptions } from './options'
