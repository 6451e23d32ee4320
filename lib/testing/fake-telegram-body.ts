/** Parameters of a call: from the query string, JSON, a urlencoded form or a multipart form. */
import { ApiError, type Params, type UploadedFile } from './fake-telegram-api'

/** Texts stay texts, even if they look like JSON. */
const TEXTS = new Set([
  'text',
  'caption',
  'data',
  'query',
  'title',
  'description',
  'payload',
  'url',
  'secret_token',
])

/**
 * The parameters of a call. Those of a query string count too, as with the real server; those of the body win.
 *
 * @throws ApiError 400 if the body is not what its content type says
 */
export function parseParams(contentType: string, body: Buffer, query?: URLSearchParams): Params {
  const params = fromForm(query ?? new URLSearchParams())
  return body.length === 0 ? params : { ...params, ...parseBody(contentType, body) }
}

function parseBody(contentType: string, body: Buffer): Params {
  const type = contentType.split(';')[0].trim().toLowerCase()
  if (type === 'application/json') return fromJson(body)
  if (type === 'application/x-www-form-urlencoded') return fromForm(new URLSearchParams(body.toString()))
  if (type === 'multipart/form-data') return fromMultipart(contentType, body)
  return {}
}

function fromJson(body: Buffer): Params {
  try {
    const value: unknown = JSON.parse(body.toString())
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Params
  } catch {
    // falls through to the one answer for both
  }
  throw new ApiError(400, "Bad Request: can't parse JSON object")
}

function fromForm(form: URLSearchParams): Params {
  return Object.fromEntries(Array.from(form, ([name, text]) => [name, fieldValue(name, text)]))
}

/** A form has only strings: ids become numbers and JSON objects objects, as they are in a JSON body. */
function fieldValue(name: string, text: string): unknown {
  if (TEXTS.has(name)) return text
  if (/(^|_)id$/.test(name) && /^-?\d{1,15}$/.test(text)) return Number(text)
  if (!/^[[{]/.test(text)) return text
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

function fromMultipart(contentType: string, body: Buffer): Params {
  const boundary = /boundary="?([^";]+)"?/i.exec(contentType)?.[1]
  if (boundary === undefined)
    throw new ApiError(400, 'Bad Request: boundary of multipart/form-data not found')
  const params: Params = {}
  for (const part of partsOf(body, boundary)) {
    const end = part.indexOf('\r\n\r\n')
    const headers = part.subarray(0, end).toString()
    const name = /[; ]name="([^"]*)"/i.exec(headers)?.[1]
    if (end < 0 || name === undefined) throw new ApiError(400, "Bad Request: can't parse multipart/form-data")
    const content = part.subarray(end + 4)
    const filename = /filename="([^"]*)"/i.exec(headers)?.[1]
    const file: UploadedFile | undefined = filename === undefined ? undefined : { filename, content }
    params[name] = file ?? fieldValue(name, content.toString())
  }
  return params
}

/** What stands between the boundaries, without the line breaks that belong to them. */
function partsOf(body: Buffer, boundary: string): Buffer[] {
  const delimiter = Buffer.from(`\r\n--${boundary}`)
  const whole = Buffer.concat([Buffer.from('\r\n'), body])
  const parts: Buffer[] = []
  let start = whole.indexOf(delimiter)
  while (start >= 0) {
    start += delimiter.length
    const next = whole.indexOf(delimiter, start)
    if (next < 0) break
    parts.push(whole.subarray(start + 2, next))
    start = next
  }
  return parts
}
