/** Errors as the services word them: the SDK tells what to do from the status, the type and the body. */
import type { ServerResponse } from 'node:http';
import type { ServiceCall } from './fault-proxy.ts';

export interface ServiceError {
  readonly status: number;
  /** The shape's name, as in the service's model. */
  readonly type: string;
  readonly message: string;
}

const DYNAMODB = 'com.amazonaws.dynamodb.v20120810#';

const THROTTLED: Record<ServiceCall['service'], readonly ServiceError[]> = {
  dynamodb: [
    {
      status: 400,
      type: `${DYNAMODB}ProvisionedThroughputExceededException`,
      message:
        'The level of configured provisioned throughput for the table was exceeded. Consider increasing your provisioning level with the UpdateTable API.',
    },
    {
      status: 400,
      type: `${DYNAMODB}ThrottlingException`,
      message:
        'Throughput exceeds the current capacity of your table or index. DynamoDB is automatically scaling your table or index so please try again shortly.',
    },
  ],
  kms: [
    {
      status: 400,
      type: 'ThrottlingException',
      message:
        'You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.',
    },
    { status: 400, type: 'LimitExceededException', message: 'Rate limit exceeded.' },
  ],
  lambda: [{ status: 429, type: 'TooManyRequestsException', message: 'Rate Exceeded.' }],
  sqs: [{ status: 400, type: 'RequestThrottled', message: 'Request is throttled.' }],
  other: [{ status: 400, type: 'ThrottlingException', message: 'Rate exceeded' }],
};

const FAILED: Record<ServiceCall['service'], ServiceError> = {
  dynamodb: {
    status: 500,
    type: `${DYNAMODB}InternalServerError`,
    message: 'The request processing has failed because of an unknown error, exception or failure.',
  },
  kms: { status: 500, type: 'KMSInternalException', message: 'An internal error occurred.' },
  lambda: { status: 500, type: 'ServiceException', message: 'Service failure.' },
  sqs: { status: 503, type: 'ServiceUnavailable', message: 'Service is unavailable.' },
  other: { status: 500, type: 'InternalFailure', message: 'Internal failure.' },
};

/** How a service says that it is asked too often; `choice` from 0 to below 1. */
export function throttled({ service }: ServiceCall, choice: number): ServiceError {
  const all = THROTTLED[service];
  return all[Math.floor(choice * all.length)]!;
}

/** How a service says that it failed. */
export const failed = ({ service }: ServiceCall): ServiceError => FAILED[service];

export function sendError(
  response: ServerResponse,
  { service }: ServiceCall,
  { status, type, message }: ServiceError,
): void {
  // Lambda's protocol names the type in a header, the others' in the body.
  const rest = service === 'lambda';
  response.writeHead(status, {
    'content-type': rest ? 'application/json' : 'application/x-amz-json-1.0',
    'x-amzn-requestid': crypto.randomUUID(),
    ...(rest && { 'x-amzn-errortype': type }),
  });
  const body = rest
    ? {
        Type: 'User',
        message,
        ...(status === 429 && { Reason: 'ConcurrentInvocationLimitExceeded' }),
      }
    : { __type: type, message };
  response.end(JSON.stringify(body));
}

/** A batch of which DynamoDB did half: the rest stands in the answer as unprocessed. */
export function sendPart(
  response: ServerResponse,
  { operation, body }: ServiceCall,
  reply: Buffer,
): void {
  const asked = JSON.parse(body.toString()) as { RequestItems: Record<string, unknown> };
  const answer = JSON.parse(reply.toString());
  const [table] = Object.keys(asked.RequestItems) as [string];
  if (operation === 'BatchGetItem') {
    const items = answer.Responses[table] as { p: unknown; s: unknown }[];
    const left = items.splice(Math.ceil(items.length / 2));
    if (left.length > 0) {
      const Keys = left.map(({ p, s }) => ({ p, s }));
      answer.UnprocessedKeys = { [table]: { Keys, ConsistentRead: true } };
    }
  } else {
    const items = asked.RequestItems[table] as unknown[];
    const left = items.slice(Math.ceil(items.length / 2));
    if (left.length > 0) answer.UnprocessedItems = { [table]: left };
  }
  response.writeHead(200, { 'content-type': 'application/x-amz-json-1.0' });
  response.end(JSON.stringify(answer));
}
