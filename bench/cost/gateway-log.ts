/**
 * The gateway's log: what API Gateway invokes, the emulator logs to its CloudWatch only. It is read with
 * two calls of the service's JSON protocol.
 */
import { EMULATOR_ACCOUNT, EMULATOR_REGION } from '../../infra/emulator/emulator.ts';

/** Lines with usage that the gateway logged after a time, ms since the epoch. */
export async function gatewayLines(endpoint: string, after: number): Promise<string[]> {
  const { logGroups } = (await call(endpoint, 'DescribeLogGroups', {})) as {
    logGroups: { logGroupName: string }[];
  };
  const names = logGroups.map(({ logGroupName }) => logGroupName);
  const lines: string[] = [];
  for (const logGroupName of names.filter((name) => /gateway/i.test(name))) {
    const found = (await call(endpoint, 'FilterLogEvents', {
      logGroupName,
      startTime: after,
    })) as { events: { message: string }[] };
    lines.push(...found.events.map(({ message }) => message));
  }
  return lines.filter((line) => line.includes('"usage":{'));
}

async function call(endpoint: string, name: string, input: object): Promise<unknown> {
  const scope = `${EMULATOR_ACCOUNT}/20260101/${EMULATOR_REGION}/logs/aws4_request`;
  const response = await fetch(endpoint, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-amz-json-1.1',
      'x-amz-target': `Logs_20140328.${name}`,
      // It names the account; the emulator of a bench checks no signature.
      authorization: `AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=host, Signature=none`,
    },
    body: JSON.stringify(input),
  });
  if (!response.ok) throw new Error(`${name}: ${response.status} ${await response.text()}`);
  return response.json();
}
