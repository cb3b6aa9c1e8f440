import type { UserRole } from '../../config/board-users.ts';

/** Somebody who may use the pages. */
export interface User {
  readonly name: string;
  readonly role: UserRole;
}

/** Who sends a request to the pages, and how we know. */
export interface LoggedIn extends User {
  readonly by: 'session' | 'basic' | 'proxy';
  readonly since: number;
}
