/**
 * What cdk-nag's AWS Solutions rules find in the stacks and is meant to be so, each with its reason. The
 * tests hold that there is no other finding, and that none of these lines is out of use.
 */
export interface NagSuppression {
  /** The rule, with the finding in brackets where the rule has several. */
  readonly rule: RegExp;
  /** The path of the construct. */
  readonly at: RegExp;
  readonly because: string;
}

export const NAG_SUPPRESSIONS: readonly NagSuppression[] = [
  {
    rule: /^AwsSolutions-IAM5\[Resource::.*:function:fuqi-\*_\*_client\]$/,
    at: /\/AlarmRole\/DefaultPolicy\/Resource$/,
    because:
      'One alarm function serves all consortia of the account, those made later too; it wakes client functions of hosted nodes and nothing else.',
  },
  {
    rule: /^AwsSolutions-IAM5\[Resource::.*:function:fuqi-[a-z0-9-]+_\*_(peer|client)\]$/,
    at: /\/(NodeRole|GatewayRole)\/DefaultPolicy\/Resource$/,
    because:
      'Members join while a consortium runs, so its nodes and its gateway may call the peer and client functions of its own consortium by their names; a caller without a peer token or API key is refused there.',
  },
  {
    rule: /^AwsSolutions-IAM5\[Resource::.*:function:fuqi-\*-onboarding\]$/,
    at: /\/AlarmRole\/DefaultPolicy\/Resource$/,
    because:
      'The alarm function wakes the onboarding functions of all consortia of the account, too.',
  },
  {
    rule: /^AwsSolutions-IAM5\[/,
    at: /\/Onboarding\/Boundary\/Resource$/,
    because:
      'A boundary gives nothing: it is the most that roles of members that join later may have, and their tables, keys and functions are not known yet.',
  },
  {
    rule: /^AwsSolutions-IAM5\[/,
    at: /\/Onboarding\/(Maker|Role)\/DefaultPolicy\/Resource$/,
    because:
      'What is made at run time is known by the beginning of its name only; keys by the tag of their stack; the bundles lie among the assets of the deployment.',
  },
  {
    rule: /^AwsSolutions-IAM5\[Resource::.*(@connections\/\*|_\*_client)\]$/,
    at: /\/Relay\/FunctionRole\/DefaultPolicy\/Resource$/,
    because:
      'The relay rings whoever is connected to its own API, and asks any member’s node of its consortium who may speak.',
  },
  {
    rule: /^AwsSolutions-APIG4$/,
    at: /\/Relay\/Sockets\/\$(connect|disconnect|default)-Route\/Resource$/,
    because: 'The relay checks the token of a node itself: members’ keys stand on the ledger.',
  },
  {
    rule: /^AwsSolutions-APIG1$/,
    at: /\/Relay\/Stage\/Resource$/,
    because:
      'Access logs of a WebSocket API need a setting of the whole account; the relay’s function logs what it is asked.',
  },
  {
    rule: /^AwsSolutions-APIG4$/,
    at: /\/Api\/(DefaultRoute|POST--peer)\/Resource$/,
    because:
      'The gateway and the members’ nodes check API keys themselves; the documentation, health and public reads are open.',
  },
  {
    rule: /^AwsSolutions-S1$/,
    at: /\/Attachments\/Resource$/,
    because:
      'What lies there is sealed, under names that tell nothing, and only its node’s role reads it; who reads a file is a matter of the node’s API.',
  },
  {
    rule: /^AwsSolutions-IAM5\[Resource::<[A-Za-z-]*Attachments[0-9A-F]+\.Arn>\/\*\]$/,
    at: /\/NodeRole\/DefaultPolicy\/Resource$/,
    because: 'A node reads and writes all objects of its own bucket, which is for nothing else.',
  },
  {
    rule: /^AwsSolutions-S1$/,
    at: /^own-account\/Own\/Bucket\/Resource$/,
    because:
      'The bucket holds the published code of the functions beside it, which only they and their stack read.',
  },
  {
    rule: /^AwsSolutions-IAM5\[Resource::<OwnBucket[0-9A-F]+\.Arn>\/\*\]$/,
    at: /^own-account\/Own\/FetchRole\/DefaultPolicy\/Resource$/,
    because:
      'The function that brings the code puts it into this bucket, which is for nothing else.',
  },
];
