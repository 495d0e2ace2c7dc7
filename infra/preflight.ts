/**
 * What a deployment needs of its account, judged before anything is made: quotas that would stop it half
 * way, or let a consortium starve later. Says what to raise, to how much and by which command.
 */
export interface AccountFacts {
  readonly region: string;
  /** Lambda: environments at once, of all and of those that no function reserved. */
  readonly concurrency?: { readonly limit: number; readonly unreserved: number };
  /** Reserved by this consortium's functions already, of an earlier deployment. */
  readonly reservedAlready: number;
  /** KMS: cryptographic operations with ECC keys a second. */
  readonly signaturesPerSecond?: number;
  readonly tables?: { readonly count: number; readonly limit: number };
  readonly roles?: { readonly count: number; readonly limit: number };
  /** Whether a CloudTrail trail records management events in this region. */
  readonly isRecorded?: boolean;
  /** What could not be read, and why. */
  readonly unread: readonly string[];
}

export interface Plan {
  readonly members: number;
  /** Environments that one member's votes reserve. */
  readonly reservedPerMember: number;
  /** Whether the consortium is there already. */
  readonly isUpdate: boolean;
}

export interface Finding {
  /** `stop`: the deployment would fail; `warn`: it would work, and something be missing. */
  readonly level: 'stop' | 'warn' | 'fine';
  readonly text: string;
}

/** Lambda keeps so many for functions that reserve none, or refuses the reservation. */
const UNRESERVED_MIN = 100;
/** Enough for votes, the platform and many waiting calls; what AWS gives an account by default. */
const CONCURRENCY_WANTED = 1000;
const TABLES_WANTED = 2500;
const SIGNATURES_WANTED = 1000;
/** Fewer commits a second than this over all consortia of the account are soon too few. */
const COMMITS_PER_SECOND_MIN = 10;

const raise = (service: string, quota: string, to: number, region: string): string =>
  `aws service-quotas request-service-quota-increase --service-code ${service} --quota-code ${quota} --desired-value ${to} --region ${region}`;

/** Judges what was read of the account. */
export function judge(facts: AccountFacts, plan: Plan): Finding[] {
  return [
    ...concurrency(facts, plan),
    ...signatures(facts, plan),
    ...room(facts, plan),
    ...trail(facts),
    ...facts.unread.map((text): Finding => ({ level: 'warn', text: `not checked: ${text}` })),
  ];
}

/** Environments that `members` nodes take, and how many calls can wait in what is left. */
export function concurrencyOf(
  { members, reservedPerMember }: Plan,
  unreserved: number,
): { readonly reserved: number; readonly needed: number; readonly waitingCalls: number } {
  const reserved = members * reservedPerMember;
  // A call that waits holds the gateway's environment and its node's; they share one drive, which holds the
  // leader's. Each node may be woken besides, by the alarm function. Votes have room of their own.
  const waitingCalls = Math.max(0, Math.floor((unreserved - (1 + members + 1)) / 2));
  return { reserved, needed: reserved + UNRESERVED_MIN, waitingCalls };
}

function concurrency({ concurrency: has, reservedAlready, region }: AccountFacts, plan: Plan) {
  if (!has) return [];
  const { reserved, needed } = concurrencyOf(plan, 0);
  const left = has.unreserved - (reserved - reservedAlready);
  const say = (level: Finding['level'], text: string): Finding[] => [{ level, text }];
  if (left < UNRESERVED_MIN) {
    const others = has.limit - has.unreserved - reservedAlready;
    const wanted = Math.max(CONCURRENCY_WANTED, needed + others);
    return say(
      'stop',
      `Lambda runs ${has.limit} functions at once in this account and region${others > 0 ? `, ${others} of them reserved by others` : ''}. The votes of ${plan.members} members reserve ${reserved}, and ${UNRESERVED_MIN} must stay free for the rest: ${needed + others} are needed. With fewer, calls that wait for votes take the places of the votes. Raise it: ${raise('lambda', 'L-B99A9384', wanted, region)}`,
    );
  }
  const { waitingCalls } = concurrencyOf(plan, left);
  return say(
    'fine',
    `Lambda: ${left} environments stay free beside the votes' ${reserved}, room for ${waitingCalls} calls that wait at once.`,
  );
}

function signatures({ signaturesPerSecond, region }: AccountFacts, { members }: Plan): Finding[] {
  if (signaturesPerSecond === undefined) return [];
  // A lone transaction takes two rounds, and each node signs once in each.
  const commits = Math.floor(signaturesPerSecond / (2 * members));
  const text = `KMS: ${signaturesPerSecond} ECC signatures a second, ${commits} lone commits over all consortia of this account and region.`;
  if (commits >= COMMITS_PER_SECOND_MIN) return [{ level: 'fine', text }];
  const wanted = Math.max(SIGNATURES_WANTED, COMMITS_PER_SECOND_MIN * 2 * members);
  const how = `Raise “Cryptographic operations (ECC) request rate” to ${wanted} in Service Quotas, KMS, ${region}, or put members into accounts of their own.`;
  return [{ level: 'warn', text: `${text} ${how}` }];
}

/** Tables and roles: of an update none are new. */
function room({ tables, roles, region }: AccountFacts, { members, isUpdate }: Plan): Finding[] {
  if (isUpdate) return [];
  const findings: Finding[] = [];
  const check = (
    what: string,
    has: { readonly count: number; readonly limit: number } | undefined,
    needed: number,
    how: string,
  ): void => {
    if (!has) return;
    const { count, limit } = has;
    const isRoom = count + needed <= limit;
    findings.push({
      level: isRoom ? 'fine' : 'stop',
      text: `${what}: ${count} of ${limit}, ${needed} more are made.${isRoom ? '' : ` ${how}`}`,
    });
  };
  const tablesWanted = Math.max(TABLES_WANTED, (tables?.count ?? 0) + 2 * (members + 1));
  check(
    'DynamoDB tables',
    tables,
    members + 1,
    `Raise it: ${raise('dynamodb', 'L-F98FE922', tablesWanted, region)}`,
  );
  // IAM is global, and its quotas are asked for in us-east-1.
  const rolesWanted = (roles?.limit ?? 0) + 1000;
  check(
    'IAM roles',
    roles,
    2 * members + 3,
    `Raise it: ${raise('iam', 'L-FE177D64', rolesWanted, 'us-east-1')}`,
  );
  return findings;
}

function trail({ isRecorded, region }: AccountFacts): Finding[] {
  if (isRecorded !== false) return [];
  const text = `No CloudTrail trail records management events in ${region}, so nobody hears of a key that is disabled or scheduled for deletion until its node fails to sign. A first trail costs its storage only: aws cloudtrail create-trail, then start-logging.`;
  return [{ level: 'warn', text }];
}
