/**
 * The code of a node in an account of its own: a bucket, and a function that stands in the template itself and
 * fills it with what the consortium's gateway has, if its SHA-256 is the one that stands here.
 */
import { readFileSync } from 'node:fs';
import { CustomResource, RemovalPolicy } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { Code, Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { BlockPublicAccess, Bucket, BucketEncryption, type IBucket } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import type { CodeProperties } from '../functions/code/handler.ts';
import { sha256Hex } from '../shared/bytes/crypto.ts';
import { utf8 } from '../shared/bytes/text.ts';
import { bundleFile, type FunctionBundle } from './build.ts';
import { productFunction, TIMES } from './node-function.ts';
import type { ReleasedFile } from './release.ts';

export interface OwnCodeProps {
  readonly files: readonly ReleasedFile[];
  /** Where the files are. */
  readonly source: string;
  readonly enforceSSL: boolean;
}

export class OwnCode extends Construct {
  readonly #bucket: Bucket;
  readonly #release: string;
  readonly #isThere: CustomResource;
  readonly #fetcher: LambdaFunction;

  constructor(scope: Construct, id: string, { files, source, enforceSSL }: OwnCodeProps) {
    super(scope, id);
    this.#bucket = new Bucket(this, 'Bucket', {
      encryption: BucketEncryption.S3_MANAGED,
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      enforceSSL,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const hashes = files.map(({ sha256 }) => sha256).join();
    this.#release = sha256Hex(utf8(hashes)).slice(0, 16);
    this.#fetcher = productFunction(this, 'Fetch', {
      bundle: 'code',
      code: Code.fromInline(readFileSync(bundleFile('code'), 'utf8')),
      environment: {},
      timeout: TIMES.setup,
      memoryMiB: 512,
    });
    this.#fetcher.addToRolePolicy(
      new PolicyStatement({
        actions: ['s3:PutObject', 's3:DeleteObject'],
        resources: [this.#bucket.arnForObjects('*')],
      }),
    );
    const properties: CodeProperties = {
      Source: source,
      Bucket: this.#bucket.bucketName,
      Release: this.#release,
      Files: files.map(({ name, sha256 }) => ({ Name: name, Sha256: sha256 })),
    };
    this.#isThere = new CustomResource(this, 'Code', {
      serviceToken: this.#fetcher.functionArn,
      serviceTimeout: TIMES.customResource,
      properties: { ...properties },
    });
    this.#isThere.node.addDependency(this.#fetcher.role!);
  }

  /** The code of a bundle. */
  of(bundle: FunctionBundle): Code {
    return Code.fromBucket(this.#bucket as IBucket, `${this.#release}/${bundle}.zip`);
  }

  /** Has functions wait until the code is there. */
  comesBefore(functions: readonly Construct[]): void {
    for (const one of functions) {
      if (one instanceof LambdaFunction && one !== this.#fetcher) {
        one.node.addDependency(this.#isThere);
      }
    }
  }
}
