/**
 * Where WeChat Pay tells of payments and refunds: each is answered when its invoice, or the note that takes it back, stands on the
 * ledger, and told again until then.
 */
import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import type { Logger } from 'pino';
import { paymentId } from '../../workloads/einvoice/import/derived-ids.ts';
import { CallRefused } from '../gateway-call.ts';
import { invoicePayment, type Payee } from './invoice-payment.ts';
import {
  type NotificationKeys,
  NotificationRefused,
  openNotification,
  type Told,
} from './notification.ts';
import { noteRefund, refundId } from './refund-note.ts';

/** Notifications are a few kilobytes. */
const BODY_MAX = 64 * 1024;

/** The form in which WeChat Pay is told no (API v3, "payment notifications"). */
const fail = (message: string) => ({ code: 'FAIL', message });

/** An app with one route, `POST /wechat-pay/notify`. `now` is in milliseconds since 1970. */
export function wechatPayApp(
  payee: Payee,
  keys: NotificationKeys,
  log: Pick<Logger, 'info' | 'warn' | 'error'>,
  now: () => number = Date.now,
): Hono {
  const app = new Hono();
  const rejections = new Map<string, number>();
  const tooLarge = bodyLimit({
    maxSize: BODY_MAX,
    onError: (context) => context.json(fail('The body is too large.'), 413),
  });
  app.post('/wechat-pay/notify', tooLarge, async (context) => {
    const header = (name: string): string => context.req.header(`wechatpay-${name}`) ?? '';
    const request = {
      timestamp: header('timestamp'),
      nonce: header('nonce'),
      serial: header('serial'),
      signature: header('signature'),
      body: await context.req.text(),
    };
    const told = openNotification(request, keys, now());
    if (!told) return context.body(null, 204);
    const { id, payment, write, done, failed } = workOf(payee, told);
    const rejected = rejections.get(id) ?? 0;
    try {
      const invoice = await write(rejected);
      rejections.delete(id);
      log.info({ payment, invoice }, done);
    } catch (error) {
      const refused = error instanceof CallRefused && error.status < 500;
      if (refused) rejections.set(id, rejected + 1);
      // The first line says what; those after it what was found, which may be anybody's name.
      const why = (error as Error).message.split('\n')[0];
      log[refused ? 'error' : 'warn']({ payment, why }, failed);
      return context.json(fail('The ledger does not have it yet: tell it again.'), 503);
    }
    return context.body(null, 204);
  });
  app.onError((error, context) => {
    if (!(error instanceof NotificationRefused)) throw error;
    log.warn({ code: error.code, why: error.message }, 'notification-refused');
    return context.json(fail(error.message), error.code === 'not-signed' ? 401 : 400);
  });
  app.notFound((context) => context.json(fail('Not found: POST /wechat-pay/notify.'), 404));
  return app;
}

/** What a notification asks for: by which name, of which payment, and what is logged of it. */
function workOf(payee: Payee, told: Told) {
  if ('paid' in told) {
    const payment = paymentId(payee.secret, told.paid.transaction_id);
    return {
      ...{ id: payment, payment, done: 'payment-invoiced', failed: 'payment-not-invoiced' },
      write: (rejected: number) => invoicePayment(payee, told.paid, rejected),
    };
  }
  return {
    id: refundId(payee.secret, told.refund),
    payment: paymentId(payee.secret, told.refund.transaction_id),
    ...{ done: 'refund-noted', failed: 'refund-not-noted' },
    write: (rejected: number) => noteRefund(payee, told.refund, rejected),
  };
}
