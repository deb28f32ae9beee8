import type { IncomingMessage, ServerResponse } from 'node:http';
import { z } from 'zod';
import { joinResponseSchema, joinSchema, patchClientSchema } from '../protocol/clients.ts';
import { getUpdatesResponseSchema, getUpdatesSchema } from '../protocol/get-updates.ts';
import { MAX_TICKET_CHARS } from '../protocol/limits.ts';
import { lockGrantedSchema, lockRequestSchema, unlockRequestSchema } from '../protocol/locks.ts';
import { opsResponseSchema } from '../protocol/ops.ts';
import { storedPicturesSchema } from '../protocol/pictures.ts';
import { postUpdateResponseSchema, postUpdateSchema } from '../protocol/post-update.ts';
import {
  resourceSchema,
  resourceUrlSchema,
  resourceUsageSchema,
  uploadRequestSchema,
  uploadTicketSchema,
} from '../protocol/resources.ts';
import { clientMessageSchema, problemSchema, serverMessageSchema } from '../protocol/socket.ts';
import { spaceDeletingSchema, spaceListSchema, spaceSettingsSchema } from '../protocol/space-settings.ts';
import { textOperationSchema } from '../protocol/text.ts';
import { PROTOCOL_VERSION } from '../protocol/version.ts';
import { operations, SECURITY, SECURITY_SCHEMES } from './openapi-operations.ts';
import type { Replies } from './reply.ts';

const version = z.int().min(0);

/** What has no schema of its own in `protocol`. */
const itemWrittenSchema = z.strictObject({ version, durableVersion: version });
const dependencySchema = z.strictObject({ state: z.enum(['ok', 'failed']), detail: z.string().optional() });
const readyReportSchema = z.strictObject({ ready: z.boolean(), dependencies: z.record(z.string(), dependencySchema) });
const healthSchema = z.strictObject({ status: z.literal('ok') });
const sweepSchema = z.strictObject({ swept: version, pruned: version, resources: version, streams: version });
const ticketSchema = z.strictObject({ ticket: z.string().max(MAX_TICKET_CHARS), expiresInMs: z.int() });

const SCHEMAS = {
  GetUpdatesRequest: getUpdatesSchema,
  GetUpdatesResponse: getUpdatesResponseSchema,
  OpsResponse: opsResponseSchema,
  StoredPictures: storedPicturesSchema,
  PostUpdateRequest: postUpdateSchema,
  PostUpdateResponse: postUpdateResponseSchema,
  TextOperation: textOperationSchema,
  SocketClientMessage: clientMessageSchema,
  SocketServerMessage: serverMessageSchema,
  Problem: problemSchema,
  ItemWritten: itemWrittenSchema,
  ReadyReport: readyReportSchema,
  Health: healthSchema,
  SweepReport: sweepSchema,
  Ticket: ticketSchema,
  SpaceSettings: spaceSettingsSchema,
  SpaceList: spaceListSchema,
  SpaceDeleting: spaceDeletingSchema,
  Resource: resourceSchema,
  ResourceUsage: resourceUsageSchema,
  ResourceUrl: resourceUrlSchema,
  UploadRequest: uploadRequestSchema,
  UploadTicket: uploadTicketSchema,
  JoinRequest: joinSchema,
  JoinResponse: joinResponseSchema,
  PatchClientRequest: patchClientSchema,
  LockRequest: lockRequestSchema,
  LockGranted: lockGrantedSchema,
  UnlockRequest: unlockRequestSchema,
} as const;

/** The OpenAPI 3.1 document; its schemas are those that requests are read with and that the tests hold answers against. */
export function describeApi(): object {
  const schemas = Object.fromEntries(
    Object.entries(SCHEMAS).map(([name, schema]) => {
      const { $schema, ...rest } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
      return [name, rest];
    }),
  );
  return {
    openapi: '3.1.0',
    info: { title: 'Longshore', version: String(PROTOCOL_VERSION), license: { name: 'Apache-2.0' } },
    paths: operations(),
    components: { schemas, securitySchemes: SECURITY_SCHEMES },
    security: SECURITY,
  };
}

export function createOpenapi({ replies }: { readonly replies: Replies }) {
  const body = JSON.stringify(describeApi());
  return async function openapi(req: IncomingMessage, res: ServerResponse): Promise<void> {
    replies.bytes(req, res, 200, ['Content-Type', 'application/json'], body);
  };
}
