/**
 * The words of the documentation page, in English and 中文. Summaries of contracts' calls come from
 * their definitions and stay as written there.
 */

export type Language = 'en' | 'zh';

const EN = {
  title: 'HTTP API',
  lead: 'One ledger that many parties keep. An answer 200 means final; 202 means durably held, to end committed, rejected or expired; a refusal is a problem document that names the field, what was found and what was expected.',
  key: 'Calls that act for someone need an API key (or an issuer’s token) in the header; a member issues it with fuqi keys create.',
  contents: 'Calls',
  parameters: 'Parameters',
  body: 'Request body',
  answer: 'Answer',
  answers: 'Answers',
  name: 'Name',
  type: 'Type',
  meaning: 'Meaning',
  required: 'required',
  example: 'Try it',
  keyNeeded: 'API key',
  machine: 'The same for machines: OpenAPI 3.1',
  other: '中文',
  contract: 'Contract',
} as const;

type Words = Readonly<Record<keyof typeof EN, string>>;

const ZH: Words = {
  title: 'HTTP 接口',
  lead: '多方共同维护的一本账。返回 200 即为最终结果；202 表示已持久保存，最后必为已提交、被拒绝或已过期；拒绝时返回问题文档，指出字段、实际值与期望值。',
  key: '代表某个身份的调用须在请求头中携带 API 密钥（或签发者的令牌）；密钥由成员用 fuqi keys create 签发。',
  contents: '调用',
  parameters: '参数',
  body: '请求体',
  answer: '返回',
  answers: '返回',
  name: '名称',
  type: '类型',
  meaning: '含义',
  required: '必填',
  example: '试一试',
  keyNeeded: '需要 API 密钥',
  machine: '机器可读：OpenAPI 3.1',
  other: 'English',
  contract: '合约',
};

export const WORDS: Readonly<Record<Language, Words>> = { en: EN, zh: ZH };

/** Names of sections and summaries of the fixed calls, by tag or operation id. */
export const ZH_SUMMARIES: Readonly<Record<string, string>> = {
  ledger: '账本、成员、区块与状态',
  transactions: '调用方自行签名的交易',
  events: '按顺序发生的事件',
  account: '某个成员自己的事：令牌签发者与用量',
  usage: '本成员每日的用量',
  export: '本成员自己的交易及其收据',
  vault: '本成员的保险库里有哪些保密字段（只列名称）',
  confidential: '保密数据：授权、查阅记录、删除与保全',
  rotateVault: '为本成员的保险库逐步更换密钥',
  issuers: '本成员接受哪些签发者的令牌',
  setIssuers: '只接受这些签发者的令牌',
  webhooks: '本成员的节点把事件推送到哪里，进展如何',
  webhook: '某个推送地址及其进展',
  setWebhook: '新建推送地址，或修改并恢复它',
  deleteWebhook: '不再推送，并清除死信',
  renewWebhookSecret: '更换密钥；旧密钥一天内同时签名',
  deadLetters: '被推送地址拒收的事件',
  redeliver: '立即重新推送一条死信',
  governance: '治理',
  identity: '身份',
  evidence: '双重签名的证据',
  invoice: '发票',
  health: '存活状态、各节点的最新高度与落后量',
  consortium: '成员、验证者、纪元、参数与最新区块',
  genesis: '创世文档，其摘要即账本的名字',
  consensus: '账本为何在等待：提交中、空闲，或缺少哪些成员',
  submitTransaction: '提交由调用方签名的交易',
  submitBatch: '批量提交已签名的交易，每行一笔，最多 1000 笔',
  transaction: '交易的结果',
  receipt: '回执：可用 fuqi verify 离线验证的证明',
  values: '交易的保密字段：取自本成员的保险库',
  beginAttachment: '开始上传一个由保密字段引用的文件',
  sendAttachmentPart: '上传文件的一个分片',
  completeAttachment: '分片到齐后：保密字段里代表该文件的值',
  attachment: '交易的保密字段所引用的文件',
  grantedValues: '凭授权读取另一成员若干笔交易的保密字段',
  evidenceProof: '双重签名的证据：可用 fuqi verify 离线验证的证明',
  joinProgress: '受邀成员的进度，附创世文档',
  joinStep: '接受邀请，或为受邀成员走下一步',
  joinWithdraw: '受邀成员改变主意，退出申请',
  blocks: '已确定的区块，由新到旧',
  block: '按高度查询区块，或用 head',
  state: '某个状态值：当前或某一高度，可带存在或不存在的证明',
};

/** `?lang=` wins over `Accept-Language`; English where neither asks for Chinese first. */
export function chooseLanguage(asked: string | undefined, accepts: string | undefined): Language {
  if (asked === 'en' || asked === 'zh') return asked;
  const ranked = (accepts ?? '')
    .split(',')
    .map((item) => {
      const [tag = '', ...rest] = item.trim().toLowerCase().split(';');
      const quality = /q=([0-9.]+)/.exec(rest.join(';'))?.[1];
      return { tag, quality: quality === undefined ? 1 : Number(quality) };
    })
    .filter(({ tag, quality }) => /^(en|zh)\b/.test(tag) && quality > 0)
    .sort((a, b) => b.quality - a.quality);
  return ranked[0]?.tag.startsWith('zh') ? 'zh' : 'en';
}
