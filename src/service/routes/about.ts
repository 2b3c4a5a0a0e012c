// What anybody may ask: which versions there are, and whether all is well.

import { RawAnswer, type Route } from '../route.ts';

export interface AboutDeps {
  readonly version: string;
  /** What is wrong, or nothing. */
  readonly health: () => Promise<string | undefined>;
}

/** Older clients and agents have other messages. */
const OLDEST_SDK = '3.0.0';
const OLDEST_AGENT = '3.0.0';

export function aboutRoutes({ version, health }: AboutDeps): Route[] {
  return [{
    method: 'GET', path: '/v2/version', access: 'open', summary: 'The versions of the service and of who may use it',
    schema: { query: { type: 'object', properties: { service: { enum: ['api', 'all'] } } } },
    handle: ({ query: { service } }) => service === 'all'
      ? { api: version, min_sdk_version: OLDEST_SDK, min_ep_version: OLDEST_AGENT }
      : new RawAnswer(200, { 'content-type': 'application/json; charset=utf-8' }, JSON.stringify(version)),
  }, {
    method: 'GET', path: '/healthz', access: 'open', summary: 'Whether the service can do its work', schema: {},
    handle: async () => {
      const wrong = await health();
      const body = JSON.stringify(wrong === undefined ? { status: 'ok' } : { status: 'failing', detail: wrong });
      return new RawAnswer(
        wrong === undefined ? 200 : 503, { 'content-type': 'application/json; charset=utf-8' }, body,
      );
    },
  }];
}
