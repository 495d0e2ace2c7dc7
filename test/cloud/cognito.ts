/** A Cognito user pool of the emulator with one user in one group, and that user's tokens. */
import {
  AdminAddUserToGroupCommand,
  AdminCreateUserCommand,
  AdminSetUserPasswordCommand,
  CognitoIdentityProviderClient,
  CreateGroupCommand,
  CreateUserPoolClientCommand,
  CreateUserPoolCommand,
  InitiateAuthCommand,
} from '@aws-sdk/client-cognito-identity-provider';
import { EMULATOR_CREDENTIALS, EMULATOR_REGION } from '../../infra/emulator/emulator.ts';

export interface CognitoLogin {
  /** Built from region and pool id, as it stands in the tokens. */
  readonly issuer: string;
  /** Where the emulator publishes the pool's keys. */
  readonly jwksUri: string;
  readonly clientId: string;
  readonly idToken: string;
  readonly accessToken: string;
}

/** Makes the pool and logs the user in with a password. */
export async function cognitoLogin(endpoint: string, group: string): Promise<CognitoLogin> {
  const client = new CognitoIdentityProviderClient({
    endpoint,
    region: EMULATOR_REGION,
    credentials: EMULATOR_CREDENTIALS,
  });
  const { UserPool } = await client.send(new CreateUserPoolCommand({ PoolName: 'shop' }));
  const UserPoolId = UserPool!.Id!;
  const { UserPoolClient } = await client.send(
    new CreateUserPoolClientCommand({
      UserPoolId,
      ClientName: 'till',
      ExplicitAuthFlows: ['ALLOW_USER_PASSWORD_AUTH', 'ALLOW_REFRESH_TOKEN_AUTH'],
    }),
  );
  const [Username, Password] = ['clerk', 'A-long-Passw0rd!'];
  await client.send(new AdminCreateUserCommand({ UserPoolId, Username }));
  const password = { UserPoolId, Username, Password, Permanent: true };
  await client.send(new AdminSetUserPasswordCommand(password));
  await client.send(new CreateGroupCommand({ UserPoolId, GroupName: group }));
  await client.send(new AdminAddUserToGroupCommand({ UserPoolId, Username, GroupName: group }));
  const ClientId = UserPoolClient!.ClientId!;
  const { AuthenticationResult } = await client.send(
    new InitiateAuthCommand({
      ClientId,
      AuthFlow: 'USER_PASSWORD_AUTH',
      AuthParameters: { USERNAME: Username, PASSWORD: Password },
    }),
  );
  client.destroy();
  return {
    issuer: `https://cognito-idp.${EMULATOR_REGION}.amazonaws.com/${UserPoolId}`,
    jwksUri: `${endpoint}/${UserPoolId}/.well-known/jwks.json`,
    clientId: ClientId,
    idToken: AuthenticationResult!.IdToken!,
    accessToken: AuthenticationResult!.AccessToken!,
  };
}
