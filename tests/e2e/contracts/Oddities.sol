// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

interface ITransfer {
    function transfer(address to, uint256 value) external returns (bool);
}

contract Bomb {
    constructor() payable {}

    receive() external payable {}

    function blow(address payable to) external {
        selfdestruct(to);
    }
}

// Code that is run by DELEGATECALL and CALLCODE: pays out of its caller's balance.
contract Library {
    function pay(address payable to, uint256 amount) external payable {
        (bool ok, ) = to.call{value: amount}("");
        require(ok);
    }

    function nothing() external payable {}
}

// What a decoder gets wrong.
contract Oddities {
    event Created(address child);

    Bomb public bomb;

    constructor() payable {}

    receive() external payable {}

    // Moves ETH and tokens, then reverts: nothing moved, and the log is gone.
    function moveAndRevert(address payable to, address token, uint256 amount) external {
        (bool ok, ) = to.call{value: amount}("");
        require(ok);
        ITransfer(token).transfer(to, amount);
        revert("after the fact");
    }

    // The inner call fails, the transaction does not.
    function innerRevert(address payable to, address token, uint256 amount) external payable {
        try this.moveAndRevert(to, token, amount) {
            revert("should have failed");
        } catch {}
        ITransfer(token).transfer(to, 1);
    }

    // An inner call that runs out of gas with a value on it.
    function innerOutOfGas(address payable to, uint256 amount) external {
        try this.burnGas{gas: 30000}(to, amount) {} catch {}
    }

    function burnGas(address payable to, uint256 amount) external {
        (bool ok, ) = to.call{value: amount}("");
        require(ok);
        for (uint256 i = 0; ; i++) bomb = Bomb(payable(address(uint160(i + 1))));
    }

    // ETH, tokens, ETH, tokens: the order of rows is that of execution.
    function interleave(address payable a, address payable b, address token, uint256 amount) external payable {
        (bool ok, ) = a.call{value: amount}("");
        require(ok);
        ITransfer(token).transfer(a, amount);
        (ok, ) = b.call{value: amount + 1}("");
        require(ok);
        ITransfer(token).transfer(b, amount + 1);
    }

    function createBomb(uint256 amount) external payable {
        bomb = new Bomb{value: amount}();
        emit Created(address(bomb));
    }

    function create2Bomb(uint256 amount, bytes32 salt) external payable {
        Bomb made = new Bomb{value: amount, salt: salt}();
        emit Created(address(made));
    }

    // From Cancun on the contract stays but its balance goes.
    function blowBomb(address payable to) external {
        bomb.blow(to);
    }

    // Created and destroyed at once.
    function flash(address payable to, uint256 amount) external payable {
        Bomb made = new Bomb{value: amount}();
        emit Created(address(made));
        made.blow(to);
    }

    // Destroyed to itself in the transaction of its creation: the coins are gone.
    function flashToItself(uint256 amount) external payable {
        Bomb made = new Bomb{value: amount}();
        emit Created(address(made));
        made.blow(payable(address(made)));
    }

    // From Cancun on an old contract that destroys itself to itself keeps all.
    function blowBombToItself() external {
        bomb.blow(payable(address(bomb)));
    }

    // The delegated frame repeats the value of this one; only the inner call moves.
    function delegate(address code, address payable to, uint256 amount) external payable {
        (bool ok, ) = code.delegatecall(abi.encodeCall(Library.pay, (to, amount)));
        require(ok);
    }

    // CALLCODE with a value: from this contract to itself, so nothing moves.
    function callCode(address code, uint256 amount) external payable {
        bytes memory input = abi.encodeCall(Library.nothing, ());
        assembly {
            pop(callcode(gas(), code, amount, add(input, 32), mload(input), 0, 0))
        }
    }

    // A call to itself with a value.
    function payMyself(uint256 amount) external {
        (bool ok, ) = address(this).call{value: amount}("");
        require(ok);
    }

    // Keeps the sum and fails at top level.
    function fail() external payable {
        revert("no");
    }
}
