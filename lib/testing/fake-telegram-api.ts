/** The shapes that calls, answers and errors have inside the fake server. */

/** Parameters of a call, as the bot sent them: JSON values, or what form fields and query strings say. */
export type Params = Record<string, unknown>

/** A file in a multipart body. */
export interface UploadedFile {
  readonly filename: string
  readonly content: Buffer
}

/** One call of the bot's. */
export interface Call {
  /** `sendMessage`, … */
  readonly method: string
  readonly params: Params
  /** When it arrived: milliseconds, by the server's clock. */
  readonly at: number
  /** Whether it came as a request, or as the answer to a webhook delivery. */
  readonly via: 'request' | 'webhook'
  /** What the bot was answered. */
  result?: unknown
  /** The error that the bot was answered; code 0 for a connection that was broken. */
  error?: { readonly code: number; readonly description: string; readonly retryAfter?: number }
}

/** The Bot API's envelope. */
export type ApiAnswer =
  | { ok: true; result: unknown }
  | { ok: false; error_code: number; description: string; parameters?: { retry_after: number } }

const DESCRIPTIONS: Record<number, string> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden: bot was blocked by the user',
  404: 'Not Found',
  409: 'Conflict',
  500: 'Internal Server Error',
  502: 'Bad Gateway',
}

/** An error as the Bot API answers it. */
export class ApiError extends Error {
  constructor(
    readonly code: number,
    description?: string,
    /** Seconds. */
    readonly retryAfter?: number,
  ) {
    super(description ?? describe(code, retryAfter))
    this.name = 'ApiError'
  }

  answer(): ApiAnswer {
    const parameters = this.retryAfter === undefined ? {} : { parameters: { retry_after: this.retryAfter } }
    return { ok: false, error_code: this.code, description: this.message, ...parameters }
  }
}

/** The connection breaks instead of answering. */
export class Disconnect extends Error {}

function describe(code: number, retryAfter: number | undefined): string {
  if (code === 429) return `Too Many Requests: retry after ${retryAfter ?? 1}`
  return DESCRIPTIONS[code] ?? `Error ${code}`
}

/** A parameter that should be a whole number, from JSON or from a form. */
export function wholeNumber(params: Params, name: string): number | undefined {
  const value = params[name]
  if (value === undefined || value === '') return undefined
  const number = Number(value)
  if (!Number.isSafeInteger(number)) throw new ApiError(400, `Bad Request: ${name} must be an integer`)
  return number
}

/** A parameter that should be true or false, from JSON or from a form. */
export function isTrue(params: Params, name: string): boolean {
  return [true, 'true', 'True', 1, '1'].includes(params[name] as string)
}

/** A parameter that should be a list of strings, from JSON or from a form. */
export function stringList(params: Params, name: string): string[] | undefined {
  const value = params[name]
  if (value === undefined || value === '') return undefined
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value
  throw new ApiError(400, `Bad Request: ${name} must be a list of strings`)
}
