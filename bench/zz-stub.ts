import { createServer } from 'node:http';
import { createApp } from '/work/main/src/api/create-app.ts';
const engine: any = { async postUpdate(_s: any, r: any) { return { epoch: 'e', results: [{ item: r.updates[0].item, result: 'ok', version: 17, durableVersion: 3 }] }; } };
const app = createApp({ engine, log: { debug(){}, info(){}, warn(){}, error(){} }, instance: 'abc', allowedOrigins: [], internal: { onAppEngine: false }, ready: async () => ({}) as any, refusal: () => undefined, metrics: async () => ({}) as any } as any);
const s = createServer(app).listen(0, '127.0.0.1', () => console.log(`listening on ${(s.address() as any).port}`));
process.on('SIGTERM', () => process.exit(0));
