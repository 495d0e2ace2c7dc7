/**
 * Makes a consortium's genesis document, once, from what the members' setups told the directory. A later
 * deployment changes nothing of it: members decide on changes by governance.
 */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { z } from 'zod';
import { GenesisSchema } from '../../shared/ledger/genesis.ts';
import { DEFAULT_PARAMETERS } from '../../shared/ledger/limits.ts';
import { contracts } from '../../workloads/catalog.ts';
import { type CustomResourceEvent, respond } from '../custom-resource.ts';
import { DEADLINES, givesUpAfter } from '../deadlines.ts';
import { type GenesisMember, readGenesis, readMember, writeGenesis } from '../directory.ts';
import { fromEnvironment } from '../environment.ts';
import { functionLog } from '../log.ts';

const WantedSchema = z.object({
  consortium: z.string(),
  visibility: GenesisSchema.shape.visibility,
  parameters: z.record(z.string(), z.number()),
  members: z.array(z.string()),
});

/** A cold start of all functions of a round must not look like a dead leader. */
const HOSTED_PARAMETERS = { ...DEFAULT_PARAMETERS, baseTimeoutMs: 3000, timeoutMsMax: 24_000 };

const requestHandler = givesUpAfter(DEADLINES.service);
const client = new DynamoDBClient({ requestHandler });
const directory = { client, name: fromEnvironment('FUQI_DIRECTORY') };
const log = functionLog('genesis');

export async function handler(event: CustomResourceEvent): Promise<void> {
  log.info({ request: event.RequestType }, 'genesis');
  await respond(event, `genesis-${directory.name}`, log, async () => {
    if (event.RequestType === 'Delete') return;
    await found(WantedSchema.parse(JSON.parse(String(event.ResourceProperties.Consortium))));
  });
}

async function found(wanted: z.infer<typeof WantedSchema>): Promise<void> {
  if (await readGenesis(directory)) return;
  const members: GenesisMember[] = [];
  for (const id of wanted.members) {
    const member = await readMember(directory, id);
    if (!member) throw new Error(`the setup of ${id} is not done`);
    members.push(member);
  }
  const genesis = GenesisSchema.parse({
    format: 'fuqi-genesis-1',
    consortium: wanted.consortium,
    time: Date.now(),
    visibility: wanted.visibility,
    parameters: { ...HOSTED_PARAMETERS, ...wanted.parameters },
    members,
    contracts: contracts.entries.map(({ contract, codeHash }) => ({
      name: contract.name,
      version: contract.version,
      codeHash,
    })),
  });
  await writeGenesis(directory, genesis);
}
