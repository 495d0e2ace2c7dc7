/** The demo consortium as processes, with a seller of confidential invoices that has numbers and credit. */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { call } from '../../node/gateway-call.ts';
import { localLayout } from '../../node/local-layout.ts';
import { checkOf, newCheckCode, number } from '../workloads/einvoice/parties.ts';
import { documentOf, lines } from '../workloads/invoice/market.ts';
import { fuqi, fuqiJson } from './fuqi.ts';
import { temporaryFolder } from './temporary-folder.ts';

const SELLER = { name: '巷口便利店', taxId: '91440300MA5FABCD7X' };
/** Net and tax at 13 % of a gross amount that has no fraction of a fen. */
const netOf = (gross: number): number => Math.round((gross * 100) / 113);

// biome-ignore lint/suspicious/noExplicitAny: answers of any shape.
type Answer = { id: string; output: any };

export class EInvoiceProcesses {
  readonly home: string;
  readonly own: readonly string[];
  readonly url: string;
  readonly keys: Readonly<Record<string, string>>;

  /** Starts the processes; their ports are that and those after it. */
  static async up(port: number, limit: number): Promise<EInvoiceProcesses> {
    const home = temporaryFolder();
    await fuqiJson('up', '--port', `${port}`, '--home', home, '--consortium', 'demo');
    const market = new EInvoiceProcesses(home, port);
    const range = { merchant: 'corner-shop', from: number(901), to: number(999) };
    await market.post('tax-bureau/officer', '/einvoices/allotments', range);
    await market.setLimit(limit);
    return market;
  }

  private constructor(home: string, port: number) {
    this.home = home;
    this.own = ['--home', home, '--consortium', 'demo'];
    this.url = `http://127.0.0.1:${port}`;
    this.keys = JSON.parse(readFileSync(localLayout(home, 'demo').keyRing, 'utf8')).keys;
  }

  down = () => fuqi('down', ...this.own);

  get(name: string, route: string): Promise<Answer> {
    return call(this.#as(name), route) as Promise<Answer>;
  }

  post(name: string, route: string, body: object): Promise<Answer> {
    return call(this.#as(name), route, { body: JSON.stringify(body) }) as Promise<Answer>;
  }

  setLimit(limit: number): Promise<Answer> {
    return this.post('tax-bureau/officer', '/einvoices/credit-limits', {
      ...{ merchant: 'corner-shop', currency: 'CNY', limit },
    });
  }

  /** Pays for, and issues an invoice to buyer-co unless told; answers its number and transaction. */
  async issued(
    gross: number,
    more: object = {},
  ): Promise<{ readonly number: string; readonly transaction: string }> {
    const id = randomUUID();
    const document = { ...documentOf(lines([netOf(gross), 1300])), seller: SELLER };
    const payment = { id, reference: `wx-${id}`, payee: 'corner-shop', currency: 'CNY' };
    const paid = { ...payment, amount: document.gross };
    await this.post('payment-platform/platform', '/einvoices/payments', paid);
    const checkCode = newCheckCode();
    const check = checkOf(document.issuedOn, checkCode);
    const invoice = { ...document, payments: [id], check, checkCode, to: 'buyer-co', ...more };
    const { id: transaction, output } = await this.post(
      'corner-shop/seller',
      '/einvoices',
      invoice,
    );
    return { number: output.number, transaction };
  }

  #as = (name: string) => ({ url: this.url, consortium: 'demo', key: this.keys[name] });
}
