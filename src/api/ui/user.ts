import type { UserRole } from '../../config/board-users.ts';

/** A user of the pages. */
export interface User {
  readonly name: string;
  readonly role: UserRole;
}

/** The user who sent a request, and how they were authenticated. */
export interface LoggedIn extends User {
  readonly by: 'session' | 'basic' | 'proxy';
  readonly since: number;
}
