import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  PROBLEM_TYPE,
  PROBLEMS,
  type ProblemCode,
  problemDocument,
  problemResponse,
  rejectionDocument,
} from '../../shared/api/problem.ts';

const codes = Object.keys(PROBLEMS) as ProblemCode[];

test('every code has a client or server error status, a title of its own and advice on retrying', () => {
  for (const code of codes) {
    const { status, title, retry } = PROBLEMS[code];
    assert.ok(status >= 400 && status < 600, code);
    assert.ok(['none', 'same', 'new'].includes(retry), code);
    assert.ok(title.length > 0, code);
  }
  assert.equal(new Set(codes.map((code) => PROBLEMS[code].title)).size, codes.length);
});

test('a problem is served as problem+json with its status, and tells when to come back', async () => {
  for (const code of codes) {
    const response = problemResponse(problemDocument(code, 'Why.'));
    assert.equal(response.status, PROBLEMS[code].status);
    assert.equal(response.headers.get('content-type'), PROBLEM_TYPE);
    assert.equal(response.headers.has('www-authenticate'), response.status === 401);
    assert.equal(response.headers.has('retry-after'), [502, 503].includes(response.status));
    const body = (await response.json()) as Record<string, unknown>;
    assert.equal(body.type, `https://fuqi.dev/problems/${code}`);
    assert.equal(body.code, code);
    assert.equal(body.detail, 'Why.');
  }
});

test('a rejection keeps its pointer, reason, values and every field at fault', () => {
  const document = rejectionDocument({
    code: 'invalid-arguments',
    message: 'No.',
    reason: 'because',
    pointer: '/a',
    got: 1,
    expected: 2,
    issues: [{ pointer: '/a', message: 'too small' }],
  });
  assert.equal(document.status, 422);
  assert.equal(document.detail, 'No.');
  assert.equal(document.reason, 'because');
  assert.equal(document.pointer, '/a');
  assert.deepEqual([document.got, document.expected], [1, 2]);
  assert.deepEqual(document.errors, [{ pointer: '/a', detail: 'too small' }]);
  assert.ok(!('issues' in document) && !('message' in document));
});

test('what a caller sent is shown in short', () => {
  const long = problemDocument('bad-request', 'No.', { got: 'x'.repeat(10_000) });
  assert.ok(String(long.got).length < 300);
  const deep = problemDocument('bad-request', 'No.', { got: Array(1000).fill('y') });
  assert.ok(String(deep.got).length < 300);
  assert.equal(problemDocument('bad-request', 'No.', { got: 0 }).got, 0);
});
